//! Slots that are kept, with their connections, on a real MariaDB.

#[path = "../support/mod.rs"]
mod support;

mod clean;
mod dropping;
mod keeping;
mod scene;
mod waking;
