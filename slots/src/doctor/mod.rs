//! What a pool and its server look like, and what of it is wrong.

pub(crate) mod checks;
mod report;
mod server;
mod settings;
mod sizing;

pub(crate) use checks::Seen;
pub(crate) use report::Report;
pub(crate) use server::{Door, Observed, Server, Thread, Unseen};
pub(crate) use sizing::Plan;
