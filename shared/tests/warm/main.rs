//! Slots that are kept, with their connections, on a real MariaDB.

#[path = "../support/server.rs"]
mod server;
#[path = "../support/settings.rs"]
mod settings;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/vault.rs"]
mod vault;

mod clean;
mod dropping;
mod keeping;
mod scene;
mod waking;
