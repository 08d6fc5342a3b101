//! The command against an embedded DynamoDB.

#[path = "../../../shared/tests/support/mod.rs"]
mod support;

mod change;
mod doctor;
mod errors;
mod proxy;
mod show;
mod slots;
mod split;
