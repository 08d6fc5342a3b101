//! The configurations that are checked.
//!
//! Each is as small as its subject allows. A takeover needs only a [`Kind::Newcomer`](crate::script::Kind), not a
//! second session. Lost messages do not depend on the work under the slot, so those holders do none.

mod single;
mod split;
mod warm;

use crate::configuration::Configuration;
use crate::timing::Timing;

/// The configurations that the test checks.
#[must_use]
pub fn all() -> Vec<Configuration> {
    vec![
        single::lambda(2),
        single::patient(2),
        single::rollback(1),
        single::sessions(0),
        single::messages(1),
        single::repeats(),
        single::classes(),
        single::resize(),
        single::drain(),
        single::renewals(),
        single::anonymous(),
        single::memory(),
        single::throttled(),
        split::shards(),
        split::searches(),
        split::repeats(false),
        split::session(8),
        split::resize(),
        split::moves(),
        warm::session_and_newcomer(1),
        warm::discarded(),
        warm::share(),
    ]
}

/// Larger ones, which take three minutes more: half seconds, a statement in each of two sessions, repeated calls
/// of two holders, repeated calls to a split pool that also rejects from the cache.
#[must_use]
pub fn large() -> Vec<Configuration> {
    vec![
        half_seconds(single::lambda(1)),
        half_seconds(single::patient(1)),
        single::sessions(1),
        single::messages(2),
        split::repeats(true),
        split::session(12),
        half_seconds(warm::session_and_newcomer(0)),
    ]
}

/// The configuration of this name in [`all`].
#[must_use]
pub fn named(name: &str) -> Option<Configuration> {
    all().into_iter().find(|configuration| configuration.name == name)
}

fn half_seconds(configuration: Configuration) -> Configuration {
    let timing = Timing { ticks_per_second: 2, ..configuration.timing };
    Configuration { timing, ..configuration }
}
