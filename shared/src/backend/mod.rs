//! Where decisions about slots are made: in the counter Lambda, in this process, or nowhere.

mod bypass;
#[cfg(feature = "client")]
mod counter;
mod kind;
mod table;

pub use bypass::Bypass;
#[cfg(feature = "client")]
pub use counter::LambdaBackend;
pub use kind::{BackendKind, InvalidBackendKind};

use std::pin::Pin;

use thiserror::Error;

use crate::store::StoreError;
use crate::wire::{
    AcquireAnswer, AcquireRequest, ReleaseAnswer, ReleaseRequest, RenewAnswer, RenewRequest,
    error_type,
};

/// The future of a [`Backend`]'s answer.
pub type BackendFuture<'a, A> = Pin<Box<dyn Future<Output = Result<A, BackendError>> + Send + 'a>>;

/// Acquires, renews and releases slots.
///
/// Every method fails with a [`BackendError`]. A request whose answer was lost may be sent again with the same lease
/// id; the counter and the table backend do so themselves.
pub trait Backend: Send + Sync {
    /// Returns which of the backends this is.
    fn kind(&self) -> BackendKind;

    /// Acquires a slot, or returns the rejection.
    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer>;

    /// Extends a lease, or returns that it is lost.
    fn renew<'a>(&'a self, request: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer>;

    /// Releases a slot. Releasing it again succeeds.
    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer>;
}

/// Why a backend gave no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Lambda throttled every attempt to invoke the counter. Nothing was decided.
    #[error("the counter is throttled by Lambda")]
    Throttled {
        /// Lambda's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The counter could not be invoked, or its response was lost. It may have decided.
    #[error("the counter could not be invoked")]
    Invoke {
        /// The error of the last attempt.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The counter failed, or refused the request.
    #[error("the counter answered with error {error_type}: {message}")]
    Failed {
        /// One of [`wire::error_type`](crate::wire::error_type), or a type of Lambda's own.
        error_type: String,
        /// The error message.
        message: String,
    },
    /// The table request of a backend in this process failed.
    #[error("the request to the table failed")]
    Table {
        /// The store's error.
        source: StoreError,
    },
    /// The counter's answer is not valid.
    #[error("the counter's answer can't be read")]
    Answer {
        /// The parser's error.
        source: serde_json::Error,
    },
}

impl BackendError {
    /// Returns whether the request may have taken effect although its answer is missing.
    #[must_use]
    pub fn may_have_decided(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Table { source: StoreError::UnknownPool(_) } => false,
            Self::Invoke { .. } | Self::Answer { .. } | Self::Table { .. } => true,
            Self::Failed { error_type: kind, .. } => {
                ![error_type::INVALID_REQUEST, error_type::UNKNOWN_POOL].contains(&kind.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_decided_nothing_and_a_lost_one_may_have() {
        let failed = |kind: &str| BackendError::Failed {
            error_type: kind.to_owned(),
            message: String::new(),
        };
        assert!(!failed(error_type::INVALID_REQUEST).may_have_decided());
        assert!(!failed(error_type::UNKNOWN_POOL).may_have_decided());
        assert!(failed(error_type::STORE_UNAVAILABLE).may_have_decided());
        assert!(failed("Sandbox.Timedout").may_have_decided());
        let lost = || Box::new(std::io::Error::other("lost"));
        assert!(!BackendError::Throttled { source: lost() }.may_have_decided());
        assert!(BackendError::Invoke { source: lost() }.may_have_decided());
        let unknown = StoreError::UnknownPool("p".parse().expect("a name"));
        assert!(!BackendError::Table { source: unknown }.may_have_decided());
        let (phase, pool) = ("acquire", "p".parse().expect("a name"));
        let table = StoreError::Table { phase, pool, source: lost() };
        assert!(BackendError::Table { source: table }.may_have_decided());
    }
}
