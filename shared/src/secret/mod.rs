//! The database's credentials, from AWS Secrets Manager.
//!
//! A [`SecretCache`] keeps them for some minutes, and follows rotations of the password and changes of the database.

mod cache;
mod credentials;
mod host;

pub use cache::SecretCache;
pub use credentials::{Credentials, SecretError};
pub use host::{InvalidHost, parse_host};
