//! Admission control for small RDS databases.
//!
//! A database that accepts 66 connections cannot serve thousands of Lambda instances at once. A *pool* of *slots* in a
//! `DynamoDB` item limits them: a caller acquires a *lease* on a slot, connects while it holds it, and releases it when
//! the connection is gone. Excess requests fail at once, with a time to retry after. The lease of a holder that crashes
//! expires.
//!
//! ```no_run
//! use rds_admission::{Admission, BackendKind, Deadline, SecretCache, Sessions, aws};
//! # async fn count(deadline: Deadline) -> Result<u64, Box<dyn std::error::Error>> {
//! # let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
//! let admission = Admission::new(BackendKind::Counter.connect(&config)?, "Prod_MySQL".parse()?);
//! let secret = SecretCache::new(aws::secret_client(&config), "prod/mysql");
//! let sessions = Sessions::new(admission, secret, Default::default());
//! let rows: u64 = sessions
//!     .with_session(deadline, async |session| -> Result<u64, Box<dyn std::error::Error>> {
//!         let rows = session.query_first("SELECT COUNT(*) FROM Orders").await?;
//!         Ok(rows.unwrap_or_default())
//!     })
//!     .await?; // the slot is released
//! # Ok(rows) }
//! ```
//!
//! | module | concept |
//! |---|---|
//! | [`pool`] | the rules: pure functions of a pool's state and the time |
//! | [`store`] | the rules as single conditional writes |
//! | [`controller`] | which requests reach the table |
//! | [`backend`] | where slots are granted: by the counter Lambda, by this process, or without a limit |
//! | [`client`] | the scope that holds a slot |
//! | `session` | a connection that its server ends before its lease expires |
//! | `sessions` | [`Sessions`]: a slot and a session for a closure, kept between calls while the pool has room |
//! | `secret` | the database's credentials, cached and followed through a rotation |
//! | [`wire`] | requests to the counter, and its answers |
//! | [`time`] | clocks, and deadlines that survive a freeze |
//! | [`telemetry`] | log lines with metrics |
//!
//! | feature | has | dependency |
//! |---|---|---|
//! | `client` | `LambdaBackend`: admission through the counter | `aws-sdk-lambda` |
//! | `direct` | `DynamoStore`: admission by writing to the table | `aws-sdk-dynamodb` |
//! | `mysql` | [`Sessions`], [`SecretCache`] | `mysql_async`, `aws-sdk-secretsmanager` |
//! | `test-support` | a store in memory, and a clock to set | |
//!
//! The first three are on by default.

#[cfg(any(feature = "client", feature = "direct", feature = "mysql"))]
pub mod aws;
pub mod backend;
// Only `sessions` uses a part of it.
#[cfg_attr(not(feature = "mysql"), allow(dead_code, unused_imports))]
pub mod client;
pub mod controller;
#[doc(hidden)]
pub mod env;
pub mod pool;
#[cfg(feature = "mysql")]
pub mod secret;
#[cfg(feature = "mysql")]
pub mod session;
#[cfg(feature = "mysql")]
pub mod sessions;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod wire;

#[cfg(feature = "client")]
pub use backend::LambdaBackend;
pub use backend::{Backend, BackendError, BackendKind};
pub use client::{Admission, AdmissionError, Reported, Slot, SlotReport};
pub use pool::warm::Warm;
pub use pool::{Class, PoolName};
#[cfg(feature = "mysql")]
pub use secret::{Credentials, SecretCache};
#[cfg(feature = "mysql")]
pub use session::{LoginError, Session, SessionError, SessionOptions};
#[cfg(feature = "mysql")]
pub use sessions::Sessions;
pub use time::{Deadline, Seconds};
