//! The counter, independent of Lambda.

use rds_admission::controller::{Controller, Decision};
use rds_admission::pool::PoolName;
use rds_admission::store::{SlotStore, StoreError};
use rds_admission::time::Clock;
use rds_admission::wire::{Answer, InvalidRequest, Request, error_type};
use thiserror::Error;

use crate::Limiter;
use crate::metrics::KnownPools;

/// A controller behind a rate limit.
#[derive(Debug)]
pub struct Counter<S, C> {
    controller: Controller<S, C>,
    limiter: Limiter,
    known: KnownPools,
}

impl<S: SlotStore + 'static, C: Clock + 'static> Counter<S, C> {
    /// Returns a counter that answers with `controller`. Acquires above the rate of `limiter` are rejected without a
    /// table request, unless they may be repetitions.
    #[must_use]
    pub fn new(controller: Controller<S, C>, limiter: Limiter) -> Self {
        Self { controller, limiter, known: KnownPools::default() }
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        self.controller.store()
    }

    /// Returns the pools that the table is known to have.
    pub(crate) fn known(&self) -> &KnownPools {
        &self.known
    }

    /// Answers one request.
    ///
    /// # Errors
    /// [`CounterError`]; the caller must not assume that it holds a slot.
    pub async fn answer(&self, request: &Request) -> Result<Decision<Answer>, CounterError> {
        if let Some(pool) = acquired_pool(request)
            && let Err(wait) = self.limiter.check(pool)
            && let Some(rejection) = self.controller.reject_rate_limited(request, wait)
        {
            return Ok(rejection);
        }
        Ok(self.controller.answer(request).await?)
    }
}

fn acquired_pool(request: &Request) -> Option<&PoolName> {
    match request {
        Request::LegacyAcquire { .. } | Request::Acquire(_) => Some(request.pool()),
        _ => None,
    }
}

/// A request that failed: the caller must not assume that it holds a slot.
#[derive(Debug, Error)]
pub enum CounterError {
    /// The payload is not a valid request. Nothing was changed.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer could not be serialised.
    #[error("the answer can't be written as JSON")]
    Answer(#[from] serde_json::Error),
}

impl CounterError {
    /// Returns the Lambda error's `errorType`.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_type::INVALID_REQUEST,
            Self::Store(StoreError::UnknownPool(_)) => error_type::UNKNOWN_POOL,
            Self::Store(_) | Self::Answer(_) => error_type::STORE_UNAVAILABLE,
        }
    }
}
