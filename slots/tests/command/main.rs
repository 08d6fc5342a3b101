//! The command against an embedded DynamoDB.

#[path = "../../../shared/tests/support/mod.rs"]
mod support;

mod change;
mod errors;
mod show;
mod slots;
mod split;
