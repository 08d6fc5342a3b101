//! The pool: its state, and the rules for granting slots. Pure functions; the time is an argument.

mod id;
pub mod rejection;
mod rules;
mod shard;
mod size;
pub mod split;
mod wait;
pub mod warm;

pub use id::{Class, InvalidName, LeaseId, PoolName};
pub use rules::{AcquirePlan, Pool};
pub use shard::Shard;
pub use size::{InvalidSize, PoolSize};
pub use wait::wait_delay;

use std::time::Duration;

use crate::time::Seconds;

/// The time by which a lease outlasts its holder's deadline. The holder sends nothing to the server during it.
///
/// The server's idle limits therefore end whatever the holder has left, before the lease expires: a session
/// by its own (twice the idle limit, see [`session`](crate::session)), an unfinished login by the server's
/// `connect_timeout`, a session without limits of its own by the global `wait_timeout`. The template sets
/// both to this.
pub const GRACE: Seconds = Seconds(5);

/// The longest lease that is granted. A Lambda invocation lasts at most 900 s
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>); the rest covers [`GRACE`]. A
/// holder that runs longer renews its lease.
pub const MAX_LEASE: Seconds = Seconds(960);

/// The length of a lease for work that may take this long: [`GRACE`] longer.
pub(crate) fn lease_covering(work_left: Duration) -> Seconds {
    Seconds(Seconds::covering(work_left).0.saturating_add(GRACE.0)).min(MAX_LEASE)
}

/// The lease of a caller of the article's protocol, which does not state how long it runs: the longest
/// duration of a Lambda invocation.
pub const ANONYMOUS_LEASE: Seconds = Seconds(900);
