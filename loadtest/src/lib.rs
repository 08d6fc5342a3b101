//! The load test: floods `GET <host>/employees` with users in a closed loop, tells admitted,
//! rejected and broken answers apart, watches the database's own counters, and judges the run.
//!
//! | idea | module |
//! |---|---|
//! | what is flooded and watched | [`target`], [`stack`] |
//! | users that ask, and honour `Retry-After` | [`flood`] |
//! | what one answer means | [`outcome`] |
//! | the running count | [`tally`] |
//! | the server's side | [`watch`] |
//! | the numbers, and whether they pass | [`report`], [`verdict`] |
//! | what the terminal shows | [`progress`], [`show`] |

mod args;
pub mod flood;
pub mod outcome;
pub mod progress;
pub mod report;
pub mod show;
pub mod stack;
pub mod tally;
pub mod target;
pub mod verdict;
pub mod watch;

mod run;

pub use args::Args;
pub use run::{RunError, run};
