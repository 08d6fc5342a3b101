//! The command against an embedded DynamoDB.

#[path = "../../../shared/tests/support/mod.rs"]
mod support;

mod change;
mod doctor;
mod errors;
mod front;
mod show;
mod slots;
mod split;
