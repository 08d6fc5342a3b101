//! The command as a user runs it.

mod contract;
mod database;
mod schema;
mod support;
