//! The pool: what it holds, and who may take a slot. Pure rules; the time is an argument.

pub mod frugal;
mod id;
mod rules;
mod shard;
mod size;
pub mod split;
pub mod warm;

pub use id::{Class, InvalidName, LeaseId, PoolName};
pub use rules::{AcquirePlan, Pool};
pub use shard::Shard;
pub use size::{InvalidSize, PoolSize};

use std::time::Duration;

use crate::time::Seconds;

/// What a lease lasts beyond its holder's deadline, and how long before its end the last word to the
/// server is said.
///
/// A server hears nothing more from then on, and so ends by its idle limits whatever the holder left
/// behind: a session by its own (twice the idle limit, see [`session`](crate::session)), a login that
/// stopped half-way by the server's `connect_timeout`, a session that has no limits of its own yet by
/// its global `wait_timeout`. The template sets both to this.
pub const GRACE: Seconds = Seconds(5);

/// The longest lease that is granted. A Lambda lives 900 seconds at most
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>); the rest is the
/// holder's grace. Who lives longer renews.
pub const MAX_LEASE: Seconds = Seconds(960);

/// The length of a lease whose holder's work may take as long as this: a grace on top.
pub(crate) fn lease_covering(work_left: Duration) -> Seconds {
    Seconds(Seconds::covering(work_left).0.saturating_add(GRACE.0)).min(MAX_LEASE)
}

/// The lease of a caller that speaks the article's protocol and so can't say how long it lives: the
/// longest life a Lambda can have.
pub const ANONYMOUS_LEASE: Seconds = Seconds(900);
