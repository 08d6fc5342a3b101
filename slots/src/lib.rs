//! `slots`: what the person on call does with a pool.
//!
//! It works on the table itself, with the AWS credentials of whoever runs it, and so works when the
//! counter does not; what it may do is what these credentials may do to the table. Every change is one
//! conditional write, as the counter's are ([`Operations`](rds_admission::store::Operations)).

mod args;
mod clock;
mod commands;
mod doctor;
mod error;
mod status;
mod table;
mod voice;
mod wait;
mod words;

pub use args::{Args, Command};
pub use commands::run;
pub use error::Error;
pub use voice::Voice;

/// How a command ended that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As was asked for.
    Good,
    /// Something was found, or what was waited for did not come.
    Bad,
}

/// The exit code of [`Ending::Bad`].
pub const FOUND: u8 = 1;
/// The exit code when nothing could be done, or said: bad arguments, table or database out of reach.
pub const COULD_NOT: u8 = 2;
