//! The command as a user runs it.

mod contract;
mod database;
mod deployment;
mod schema;
mod support;
