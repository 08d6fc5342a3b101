//! From a request to its answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rds_admission::pool::{ANONYMOUS_LEASE, Class, LeaseId, Pool, PoolName};
use rds_admission::store::{Acquired, Renewed, Store, StoreError, Swept};
use rds_admission::time::{Clock, Seconds};
use rds_admission::wire::{
    AcquireAnswer, Granted, Reason, Refused, ReleaseAnswer, RenewAnswer, Request, StatusAnswer,
    SweepAnswer,
};
use serde_json::Value;

use crate::known::KnownPools;
use crate::{CounterError, Limiter, Outcome};

/// The pause that refused callers are asked for, spread over this range so that they do not come back
/// all at once. A slot of a quick query is free again within it.
const RETRY_AFTER_MS: std::ops::Range<u64> = 250..1_750;

/// The counter, without Lambda.
#[derive(Debug)]
pub struct Counter<S, C> {
    store: S,
    limiter: Limiter,
    known: KnownPools,
    clock: C,
    dice: Mutex<StdRng>,
    anonymous_lease: Seconds,
}

/// An answer, and what the log says of it.
#[derive(Debug, PartialEq)]
pub struct Answered {
    /// The payload.
    pub payload: Value,
    /// How it came out.
    pub outcome: Outcome,
    /// Expired leases that were taken over.
    pub taken_over: u32,
    /// Leases out, where the decision looked.
    pub in_use: Option<u32>,
    /// Slots of the pool, where the decision looked.
    pub max_connections: Option<u32>,
}

impl<S: Store, C: Clock> Counter<S, C> {
    /// A counter that decides in `store`, within the limits of `limiter`, tells expired leases by
    /// `clock`, and draws ids and pauses from `dice`.
    pub fn new(store: S, limiter: Limiter, clock: C, dice: StdRng) -> Self {
        Self {
            store,
            limiter,
            known: KnownPools::default(),
            clock,
            dice: Mutex::new(dice),
            anonymous_lease: ANONYMOUS_LEASE,
        }
    }

    /// The same with another lease for callers that can't say how long they live.
    #[must_use]
    pub fn with_anonymous_lease(self, anonymous_lease: Seconds) -> Self {
        Self { anonymous_lease, ..self }
    }

    /// Where it decides.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The pools that the table is known to hold.
    pub(crate) fn known(&self) -> &KnownPools {
        &self.known
    }

    /// Answers one request.
    ///
    /// # Errors
    /// [`CounterError`]; no slot may then be presumed.
    pub async fn answer(&self, request: &Request) -> Result<Answered, CounterError> {
        match request {
            Request::Take { pool } => self.take(pool).await,
            Request::GiveBack { pool } => self.give_back(pool).await,
            Request::Acquire { pool, lease, ttl, class } => {
                let answer = self.acquire(pool, *lease, *ttl, *class).await?;
                Ok(answer.with_payload(serde_json::to_value(&answer.answer)?))
            }
            Request::Release { pool, lease } => self.release(pool, *lease).await,
            Request::Renew { pool, lease, ttl } => self.renew(pool, *lease, *ttl).await,
            Request::Status { pool } => self.status(pool).await,
            Request::Sweep { pool } => self.sweep(pool).await,
        }
    }

    async fn take(&self, pool: &PoolName) -> Result<Answered, CounterError> {
        let lease = LeaseId::anonymous(&mut *self.dice());
        let answer = self.acquire(pool, lease, self.anonymous_lease, Class::Standard).await?;
        let granted = matches!(answer.answer, AcquireAnswer::Granted(_));
        Ok(answer.with_payload(granted.into()))
    }

    async fn give_back(&self, pool: &PoolName) -> Result<Answered, CounterError> {
        let release = self.store.release_oldest_anonymous(pool).await?;
        Ok(Answered::new(release.released.into(), outcome_of_release(release.released))
            .with_in_use(release.in_use))
    }

    async fn acquire(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<Decision, CounterError> {
        if let Err(wait) = self.limiter.check(pool) {
            return Ok(self.refused(Reason::Throttled, wait, None));
        }
        match self.store.acquire(pool, lease, ttl, class).await {
            Ok(Acquired::Granted { expires_at, taken_over, in_use, max_connections }) => {
                let granted = Granted { lease, expires_at, in_use, max_connections };
                Ok(Decision { answer: AcquireAnswer::Granted(granted), taken_over })
            }
            Ok(Acquired::Full { in_use, max_connections }) => {
                let seen = Some((in_use, max_connections));
                Ok(self.refused(Reason::Full, Duration::ZERO, seen))
            }
            Ok(Acquired::Draining { in_use, max_connections }) => {
                let seen = Some((in_use, max_connections));
                Ok(self.refused(Reason::Draining, Duration::ZERO, seen))
            }
            // Others took over what this caller saw, again and again: more asked than can be decided.
            Err(StoreError::Contended { .. }) => {
                Ok(self.refused(Reason::Throttled, Duration::ZERO, None))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn refused(&self, reason: Reason, wait: Duration, seen: Option<(u32, u32)>) -> Decision {
        let pause = Duration::from_millis(self.dice().random_range(RETRY_AFTER_MS));
        let (in_use, max_connections) = seen.unzip();
        let refused = Refused { reason, retry_after: wait + pause, in_use, max_connections };
        Decision { answer: AcquireAnswer::Refused(refused), taken_over: 0 }
    }

    async fn release(&self, pool: &PoolName, lease: LeaseId) -> Result<Answered, CounterError> {
        let release = self.store.release(pool, lease).await?;
        let answer = ReleaseAnswer { released: release.released, in_use: release.in_use };
        Ok(Answered::new(serde_json::to_value(answer)?, outcome_of_release(release.released))
            .with_in_use(release.in_use))
    }

    async fn renew(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
    ) -> Result<Answered, CounterError> {
        let (answer, outcome) = match self.store.renew(pool, lease, ttl).await? {
            Renewed::Until(expires_at) => {
                (RenewAnswer { renewed: true, expires_at: Some(expires_at) }, Outcome::Renewed)
            }
            Renewed::Lost => (RenewAnswer { renewed: false, expires_at: None }, Outcome::Lost),
        };
        Ok(Answered::new(serde_json::to_value(answer)?, outcome))
    }

    async fn status(&self, pool: &PoolName) -> Result<Answered, CounterError> {
        let pool = self.store.read(pool).await?;
        let expired = pool.expired(self.clock.now()).count();
        let answer = StatusAnswer {
            in_use: pool.in_use(),
            max_connections: pool.size.max_connections(),
            standard_limit: pool.size.standard_limit(),
            expired: u32::try_from(expired).unwrap_or(u32::MAX),
            draining: pool.draining,
        };
        Ok(Answered::new(serde_json::to_value(answer)?, Outcome::Status).with_pool(&pool))
    }

    async fn sweep(&self, pool: &PoolName) -> Result<Answered, CounterError> {
        let Swept { swept, pool } = self.store.sweep(pool).await?;
        let answer = SweepAnswer {
            expired: swept,
            in_use: pool.in_use(),
            max_connections: pool.size.max_connections(),
            standard_limit: pool.size.standard_limit(),
            draining: pool.draining,
        };
        let answered = Answered::new(serde_json::to_value(answer)?, Outcome::Swept);
        Ok(Answered { taken_over: swept, ..answered }.with_pool(&pool))
    }

    fn dice(&self) -> std::sync::MutexGuard<'_, StdRng> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An acquire that was decided, before it is put in the words of either protocol.
struct Decision {
    answer: AcquireAnswer,
    taken_over: u32,
}

impl Decision {
    fn with_payload(&self, payload: Value) -> Answered {
        let (outcome, in_use, max_connections) = match &self.answer {
            AcquireAnswer::Granted(Granted { in_use, max_connections, .. }) => {
                (Outcome::Granted, Some(*in_use), Some(*max_connections))
            }
            AcquireAnswer::Refused(Refused { reason, in_use, max_connections, .. }) => {
                (Outcome::Refused(*reason), *in_use, *max_connections)
            }
        };
        Answered { payload, outcome, taken_over: self.taken_over, in_use, max_connections }
    }
}

impl Answered {
    fn new(payload: Value, outcome: Outcome) -> Self {
        Self { payload, outcome, taken_over: 0, in_use: None, max_connections: None }
    }

    fn with_in_use(self, in_use: u32) -> Self {
        Self { in_use: Some(in_use), ..self }
    }

    fn with_pool(self, pool: &Pool) -> Self {
        let max_connections = Some(pool.size.max_connections());
        Self { max_connections, ..self.with_in_use(pool.in_use()) }
    }
}

fn outcome_of_release(released: bool) -> Outcome {
    if released { Outcome::Released } else { Outcome::AlreadyBack }
}
