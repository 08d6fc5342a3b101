//! Slots that are kept, with their connections, on a real MariaDB.

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/vault.rs"]
mod vault;

mod clean;
mod dropping;
mod keeping;
mod scene;
mod waking;
