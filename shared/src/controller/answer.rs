//! Answers requests.

use std::time::Duration;

use tokio::time::timeout;

use super::Controller;
use crate::pool::{Class, LeaseId, PoolName};
use crate::store::{Released, Renewed, SlotStore, StoreError, Swept};
use crate::time::Clock;
use crate::wire::{
    AcquireAnswer, AcquireRequest, Answer, Reason, Refused, ReleaseAnswer, ReleaseRequest,
    RenewAnswer, RenewRequest, Request, StatusAnswer, SweepAnswer,
};

/// Time limit for releasing the slot of an article caller whose acquire failed and may have been written. The
/// counter's own timeout is 5 s, of which three table requests without an answer take 4.7 s.
const LOST_ACQUIRE_RELEASE: Duration = Duration::from_millis(250);

/// An answer, its cost, and the pool's usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<A> {
    /// The answer.
    pub answer: A,
    /// Leases held in the pool, if the decision saw them. Of a split pool, the sum over the last known state of
    /// each shard.
    pub in_use: Option<u32>,
    /// Slots of the pool, if the decision saw them.
    pub max_connections: Option<u32>,
    /// DynamoDB requests that an acquire made.
    pub requests: RequestCounts,
}

/// DynamoDB requests made for an acquire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Conditional writes, of one write unit each where the item is below a kilobyte.
    pub writes: u32,
    /// Eventually consistent reads, of half a read unit each. A read shared by several callers counts for the
    /// first of them.
    pub peeks: u32,
}

impl<A> Decision<A> {
    fn new(answer: A, in_use: Option<u32>, max_connections: Option<u32>) -> Self {
        Self { answer, in_use, max_connections, requests: RequestCounts::default() }
    }

    fn map<B>(self, to: impl FnOnce(A) -> B) -> Decision<B> {
        let Self { answer, in_use, max_connections, requests } = self;
        Decision { answer: to(answer), in_use, max_connections, requests }
    }
}

impl<S: SlotStore + 'static, C: Clock + 'static> Controller<S, C> {
    /// Answers one request.
    ///
    /// # Errors
    /// [`StoreError`]; the caller must not assume that it holds a slot.
    pub async fn answer(&self, request: &Request) -> Result<Decision<Answer>, StoreError> {
        match request {
            Request::LegacyAcquire { pool } => {
                let lease = LeaseId::anonymous(&mut *self.parts.rng());
                let ttl = self.parts.anonymous_lease;
                match self.acquire(pool, lease, ttl, Class::Standard, true).await {
                    Ok(decision) => Ok(decision.map(Answer::LegacyAcquire)),
                    Err(error) => {
                        self.release_lost(pool, lease, &error).await;
                        Err(error)
                    }
                }
            }
            Request::Acquire(request) => {
                let AcquireRequest { pool, lease, ttl, class, .. } = request;
                let first = request.is_first_attempt();
                let decision = self.acquire(pool, *lease, *ttl, *class, first).await?;
                Ok(decision.map(Answer::Acquire))
            }
            Request::LegacyRelease { pool } => {
                let released = self.parts.store.release_oldest_anonymous(pool).await?;
                let answer = Answer::LegacyRelease(ReleaseAnswer::from(released));
                Ok(Decision::new(answer, Some(released.in_use), None))
            }
            Request::Release(ReleaseRequest { pool, lease, shard }) => {
                let released = self.release(pool, *lease, *shard).await?;
                let answer = Answer::Release(ReleaseAnswer::from(released));
                Ok(Decision::new(answer, Some(released.in_use), None))
            }
            Request::Renew(RenewRequest { pool, lease, ttl, shard }) => {
                let renewed = self.renew(pool, *lease, *ttl, *shard).await?;
                Ok(Decision::new(Answer::Renew(renewed.into()), None, None))
            }
            Request::Status { pool } => {
                let pool = self.parts.store.read(pool).await?;
                let expired = pool.expired(self.parts.clock.now()).count();
                let answer = StatusAnswer {
                    in_use: pool.in_use(),
                    max_connections: pool.size.max_connections(),
                    standard_limit: pool.size.standard_limit(),
                    expired: u32::try_from(expired).unwrap_or(u32::MAX),
                    draining: pool.draining,
                };
                let (in_use, max_connections) = (answer.in_use, answer.max_connections);
                Ok(Decision::new(Answer::Status(answer), Some(in_use), Some(max_connections)))
            }
            Request::Sweep { pool } => {
                let Swept { swept, pool } = self.parts.store.sweep(pool).await?;
                let answer = SweepAnswer {
                    expired: swept,
                    in_use: pool.in_use(),
                    max_connections: pool.size.max_connections(),
                    standard_limit: pool.size.standard_limit(),
                    draining: pool.draining,
                };
                let (in_use, max_connections) = (answer.in_use, answer.max_connections);
                Ok(Decision::new(Answer::Sweep(answer), Some(in_use), Some(max_connections)))
            }
        }
    }

    /// Releases the anonymous lease of an acquire that failed but may have been written: its caller does not know
    /// the id. If this fails too, the lease expires.
    async fn release_lost(&self, pool: &PoolName, lease: LeaseId, error: &StoreError) {
        if !matches!(error, StoreError::UnknownPool(_)) {
            let _ = timeout(LOST_ACQUIRE_RELEASE, self.release(pool, lease, None)).await;
        }
    }

    /// Rejects an acquire without a table request, because the rate limit is exceeded for another `wait`.
    ///
    /// Returns `None` for any other request, and for an acquire that may be a repetition: an earlier attempt may
    /// have been granted, which only the table knows.
    #[must_use]
    pub fn reject_rate_limited(
        &self,
        request: &Request,
        wait: Duration,
    ) -> Option<Decision<Answer>> {
        let answer = match request {
            Request::LegacyAcquire { .. } => Answer::LegacyAcquire,
            Request::Acquire(request) if request.is_first_attempt() => Answer::Acquire,
            _ => return None,
        };
        let refused = Refused {
            reason: Reason::Throttled,
            retry_after: wait.saturating_add(self.retry_after(request.pool())),
            in_use: None,
            max_connections: None,
        };
        Some(Decision::new(answer(AcquireAnswer::Refused(refused)), None, None))
    }
}

impl From<Released> for ReleaseAnswer {
    fn from(released: Released) -> Self {
        let Released { released, in_use } = released;
        Self { released, in_use }
    }
}

impl From<Renewed> for RenewAnswer {
    fn from(renewed: Renewed) -> Self {
        match renewed {
            Renewed::Until { expires_at, fill_level } => {
                Self { renewed: true, expires_at: Some(expires_at), fill_level }
            }
            Renewed::Lost => Self::LOST,
        }
    }
}
