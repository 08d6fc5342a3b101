//! The counter, without Lambda.

use rds_admission::controller::{Controller, Decision};
use rds_admission::pool::PoolName;
use rds_admission::store::SlotStore;
use rds_admission::time::Clock;
use rds_admission::wire::{Answer, Request};

use crate::known::KnownPools;
use crate::{CounterError, Limiter};

/// A controller behind a limit of what is decided in a second.
#[derive(Debug)]
pub struct Counter<S, C> {
    controller: Controller<S, C>,
    limiter: Limiter,
    known: KnownPools,
}

impl<S: SlotStore + 'static, C: Clock + 'static> Counter<S, C> {
    /// A counter that answers as `controller` does, within the limits of `limiter` for those that may be refused
    /// without the table being asked.
    #[must_use]
    pub fn new(controller: Controller<S, C>, limiter: Limiter) -> Self {
        Self { controller, limiter, known: KnownPools::default() }
    }

    /// Where it decides.
    pub fn store(&self) -> &S {
        self.controller.store()
    }

    /// The pools that the table is known to hold.
    pub(crate) fn known(&self) -> &KnownPools {
        &self.known
    }

    /// Answers one request.
    ///
    /// # Errors
    /// [`CounterError`]; no slot may then be presumed.
    pub async fn answer(&self, request: &Request) -> Result<Decision<Answer>, CounterError> {
        if let Some(pool) = wants_a_slot(request)
            && let Err(wait) = self.limiter.check(pool)
            && let Some(rejection) = self.controller.reject_rate_limited(request, wait)
        {
            return Ok(rejection);
        }
        Ok(self.controller.answer(request).await?)
    }
}

fn wants_a_slot(request: &Request) -> Option<&PoolName> {
    match request {
        Request::LegacyAcquire { .. } | Request::Acquire(_) => Some(request.pool()),
        _ => None,
    }
}
