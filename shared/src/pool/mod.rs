//! The pool: what it holds, and who may take a slot. Pure rules; the time is an argument.

pub mod frugal;
mod id;
mod rules;
mod shard;
mod size;
pub mod split;

pub use id::{Class, InvalidName, LeaseId, PoolName};
pub use rules::{AcquirePlan, Pool};
pub use shard::Shard;
pub use size::{InvalidSize, PoolSize};

use crate::time::Seconds;

/// The longest lease that is granted. A Lambda lives 900 seconds at most
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>); the rest is the
/// holder's grace. Who lives longer renews.
pub const MAX_LEASE: Seconds = Seconds(960);

/// The lease of a caller that speaks the article's protocol and so can't say how long it lives: the
/// longest life a Lambda can have.
pub const ANONYMOUS_LEASE: Seconds = Seconds(900);
