//! Admission control for a small RDS database, as a library.
//!
//! A database that takes 66 connections and a fleet of Lambdas that opens thousands meet in one place:
//! a *pool* of *slots*, one DynamoDB item. Whoever wants a connection acquires a *lease* on a slot
//! first, connects while it holds it, and releases it when the connection is gone. A holder that
//! crashes loses its lease by itself, after a time that it chose.
//!
//! | module | concept |
//! |---|---|
//! | [`pool`] | the pool's rules: pure functions of the pool's state and the time |
//! | [`store`] | the same rules as single conditional writes on DynamoDB, and an in-memory twin |
//! | [`controller`] | what answers the requests: whom the table is asked for, and whom it is not |
//! | [`wire`] | what is said to the counter Lambda, and what it answers |
//! | [`backend`] | where decisions are made: by the counter Lambda, in this process, or nowhere |
//! | [`client`] | taking a slot for the length of a closure, from any Lambda |
//! | [`aws`] | the AWS clients for these, with their timeouts |
//! | [`secret`] | the database's credentials, kept, and followed through a rotation |
//! | [`session`] | a connection that the server itself ends before the lease does |
//! | [`sessions`] | sessions under slots, kept from one piece of work to the next while the pool has room |
//! | [`time`] | the clocks: the counter's, and a holder's that survives being frozen |
//! | [`telemetry`] | the log line of an invocation, and the metrics in it |
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use rds_admission::backend::LambdaBackend;
//! use rds_admission::client::Admission;
//! use rds_admission::secret::SecretCache;
//! use rds_admission::session::SessionOptions;
//! use rds_admission::time::Deadline;
//! use rds_admission::sessions::Sessions;
//! # async fn work(counter: LambdaBackend, secret: SecretCache, deadline: Deadline)
//! #     -> Result<(), Box<dyn std::error::Error>> {
//! let admission = Admission::new(Arc::new(counter), "Prod_MySQL".parse()?);
//! let sessions = Sessions::new(admission, secret, SessionOptions::default());
//! let admitted = sessions
//!     .with_session(deadline, async |session| {
//!         session.query_first::<u64>("SELECT COUNT(*) FROM Orders").await
//!     })
//!     .await?; // no slot: nothing ran
//! let rows = admitted.value??; // no session; no result. The slot is back
//! # Ok(()) }
//! ```

pub mod aws;
pub mod backend;
pub mod client;
pub mod controller;
pub mod env;
pub mod pool;
pub mod secret;
pub mod session;
pub mod sessions;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod wire;
