//! The load test: floods `GET <host>/employees`, tells admitted, rejected and broken answers apart,
//! watches the database's counters and the pool's slots, and judges what it saw.
//!
//! | idea | module |
//! |---|---|
//! | what is flooded and watched | [`target`], [`stack`] |
//! | how the load changes, and when requests are due | [`shape`], [`arrivals`] |
//! | users that ask, and honour `Retry-After` | [`flood`] |
//! | what one answer means | [`outcome`] |
//! | the running count | [`tally`] |
//! | who looks on: at the server, at the pool's table | `watch`, `slots` |
//! | what the machine of the load test has to have | `descriptors` |
//! | the query function as it is found, without admission, and back | `function`, `switch` |
//! | the numbers, and whether they pass | [`report`], [`mod@utilisation`], [`verdict`] |
//! | what the terminal shows, and the page | [`live`], [`show`], [`mod@page`] |

pub mod args;
pub mod arrivals;
mod aws;
mod descriptors;
pub mod files;
pub mod flood;
mod function;
pub mod gauges;
pub mod interrupt;
pub mod live;
mod once;
pub mod outcome;
pub mod page;
pub mod report;
mod run;
mod sampling;
pub mod shape;
pub mod show;
mod slots;
pub mod stack;
mod switch;
pub mod tally;
pub mod target;
mod timeline;
pub mod utilisation;
pub mod verdict;
mod watch;

pub use args::{Args, Cli, Command};
pub use run::{RunError, Tested, run};

/// The exit code of a test that took place and did not pass.
pub const FAILED: u8 = 1;
/// The exit code when there was nothing to judge, or when a run, the report or putting things back failed;
/// clap uses the same for bad arguments.
pub const NO_RUN: u8 = 2;
