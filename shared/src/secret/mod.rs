//! The database's credentials, from AWS Secrets Manager.
//!
//! A [`SecretCache`] keeps them for some minutes, and follows them when the password is rotated or the secret
//! leads to another database.

mod cache;
mod credentials;
mod host;
mod rereads;

pub use cache::SecretCache;
pub use credentials::Credentials;
pub use host::{InvalidHost, parse_host};

use thiserror::Error;

/// Why there are no credentials.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Secrets Manager could not be reached, or refused.
    #[error("the secret could not be read")]
    Read {
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The secret is not the JSON object that `SecretTargetAttachment` writes. What it holds is not
    /// repeated.
    #[error("the secret is not an object with {field}")]
    Shape {
        /// What is missing or wrong.
        field: &'static str,
    },
    /// The secret's host is no name or address, and never will be.
    #[error("the secret's field host can't be used")]
    Host(#[from] InvalidHost),
}
