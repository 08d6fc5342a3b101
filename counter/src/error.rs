//! What the counter answers when it can't answer.

use rds_admission::store::StoreError;
use rds_admission::wire::{InvalidRequest, error_type};
use thiserror::Error;

/// A Lambda error: no slot may be presumed.
#[derive(Debug, Error)]
pub enum CounterError {
    /// The payload is not a request. Nothing was changed.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    /// The pool could not be decided about.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer could not be written down.
    #[error("the answer can't be written as JSON")]
    Answer(#[from] serde_json::Error),
}

impl CounterError {
    /// The Lambda error's `errorType`.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_type::INVALID_REQUEST,
            Self::Store(StoreError::UnknownPool(_)) => error_type::UNKNOWN_POOL,
            Self::Store(_) | Self::Answer(_) => error_type::STORE_UNAVAILABLE,
        }
    }
}
