//! The command as a user runs it.

mod closed;
mod contract;
mod database;
mod deployment;
mod schema;
mod support;
