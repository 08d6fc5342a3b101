//! From a request to its answer.

use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use super::{Controller, Decision, Outcome, Spent, Verdict};
use crate::pool::{Class, LeaseId, Pool, PoolName};
use crate::store::{Renewed, Shards, StoreError, Swept};
use crate::time::Clock;
use crate::wire::{
    AcquireAnswer, Granted, Reason, Refused, ReleaseAnswer, RenewAnswer, Request, StatusAnswer,
    SweepAnswer,
};

/// How long the counter tries to give back what an article caller may have been granted without hearing of it.
/// Its own timeout is 5 s, of which three tries without an answer take 4.7.
const UNHEARD: Duration = Duration::from_millis(250);

/// What is answered, in the words of the protocol that was asked in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The article's bare `true` or `false`.
    Bare(bool),
    /// To an acquire.
    Acquire(AcquireAnswer),
    /// To a release.
    Release(ReleaseAnswer),
    /// To a renewal.
    Renew(RenewAnswer),
    /// To a status.
    Status(StatusAnswer),
    /// To a sweep.
    Sweep(SweepAnswer),
}

/// An answer, and what the log says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What is answered.
    pub answer: Answer,
    /// How it came out.
    pub outcome: Outcome,
    /// Expired leases that were taken over.
    pub taken_over: u32,
    /// Leases out, where the decision looked.
    pub in_use: Option<u32>,
    /// Slots of the pool, where the decision looked.
    pub max_connections: Option<u32>,
    /// What an acquire asked of the table.
    pub spent: Spent,
}

impl<S: Shards + 'static, C: Clock + 'static> Controller<S, C> {
    /// Answers one request.
    ///
    /// # Errors
    /// [`StoreError`]; no slot may then be presumed.
    pub async fn answer(&self, request: &Request) -> Result<Answered, StoreError> {
        match request {
            Request::Take { pool } => {
                let lease = LeaseId::anonymous(&mut *self.parts.dice());
                let ttl = self.parts.anonymous_lease;
                let decision = match self.acquire(pool, lease, ttl, Class::Standard, true).await {
                    Ok(decision) => decision,
                    Err(error) => {
                        self.give_back_unheard(pool, lease, &error).await;
                        return Err(error);
                    }
                };
                let granted = matches!(decision.verdict, Verdict::Granted { .. });
                Ok(decided(Answer::Bare(granted), &decision))
            }
            Request::Acquire { pool, lease, ttl, class, .. } => {
                let new = request.is_a_first_attempt();
                let decision = self.acquire(pool, *lease, *ttl, *class, new).await?;
                Ok(decided(Answer::Acquire(told(*lease, &decision)), &decision))
            }
            Request::GiveBack { pool } => {
                let release = self.parts.store.release_oldest_anonymous(pool).await?;
                let answer = Answer::Bare(release.released);
                Ok(Answered::new(answer, outcome_of_release(release.released))
                    .with_in_use(release.in_use))
            }
            Request::Release { pool, lease, shard } => {
                let release = self.release(pool, *lease, *shard).await?;
                let answer = ReleaseAnswer { released: release.released, in_use: release.in_use };
                Ok(Answered::new(Answer::Release(answer), outcome_of_release(release.released))
                    .with_in_use(release.in_use))
            }
            Request::Renew { pool, lease, ttl, shard } => {
                let (answer, outcome) = match self.renew(pool, *lease, *ttl, *shard).await? {
                    Renewed::Until { expires_at, fill_level } => {
                        let expires_at = Some(expires_at);
                        (RenewAnswer { renewed: true, expires_at, fill_level }, Outcome::Renewed)
                    }
                    Renewed::Lost => (RenewAnswer::LOST, Outcome::Lost),
                };
                Ok(Answered::new(Answer::Renew(answer), outcome))
            }
            Request::Status { pool } => self.status(pool).await,
            Request::Sweep { pool } => self.sweep(pool).await,
        }
    }

    /// Gives back the anonymous lease of an acquire that failed and may have been written all the same: its
    /// caller does not know its id.
    async fn give_back_unheard(&self, pool: &PoolName, lease: LeaseId, error: &StoreError) {
        if !matches!(error, StoreError::UnknownPool(_)) {
            // Where this fails too, the lease ends by itself.
            let _ = timeout(UNHEARD, self.release(pool, lease, None)).await;
        }
    }

    /// The answer to an acquire that is refused for `wait` at the least, without the table being asked: more
    /// was asked than is decided. `None` of a request that is no acquire, and of one that may be repeated: an
    /// earlier try may have been granted, which only the table tells.
    #[must_use]
    pub fn held_off(&self, request: &Request, wait: Duration) -> Option<Answered> {
        let verdict = |pool: &PoolName| Verdict::Refused {
            reason: Reason::Throttled,
            retry_after: wait.saturating_add(self.retry_after(pool)),
        };
        let decision = |pool: &PoolName| Decision {
            verdict: verdict(pool),
            in_use: None,
            max_connections: None,
            spent: Spent::default(),
        };
        match request {
            Request::Take { pool } => Some(decided(Answer::Bare(false), &decision(pool))),
            Request::Acquire { pool, lease, .. } if request.is_a_first_attempt() => {
                let decision = decision(pool);
                Some(decided(Answer::Acquire(told(*lease, &decision)), &decision))
            }
            _ => None,
        }
    }

    async fn status(&self, pool: &PoolName) -> Result<Answered, StoreError> {
        let pool = self.parts.store.read(pool).await?;
        let expired = pool.expired(self.parts.clock.now()).count();
        let answer = StatusAnswer {
            in_use: pool.in_use(),
            max_connections: pool.size.max_connections(),
            standard_limit: pool.size.standard_limit(),
            expired: u32::try_from(expired).unwrap_or(u32::MAX),
            draining: pool.draining,
        };
        Ok(Answered::new(Answer::Status(answer), Outcome::Status).with_pool(&pool))
    }

    async fn sweep(&self, pool: &PoolName) -> Result<Answered, StoreError> {
        let Swept { swept, pool } = self.parts.store.sweep(pool).await?;
        let answer = SweepAnswer {
            expired: swept,
            in_use: pool.in_use(),
            max_connections: pool.size.max_connections(),
            standard_limit: pool.size.standard_limit(),
            draining: pool.draining,
        };
        let answered = Answered::new(Answer::Sweep(answer), Outcome::Swept);
        Ok(Answered { taken_over: swept, ..answered }.with_pool(&pool))
    }
}

/// An acquire's decision in the words of the lease protocol.
fn told(lease: LeaseId, decision: &Decision) -> AcquireAnswer {
    let Decision { verdict, in_use, max_connections, .. } = *decision;
    match verdict {
        Verdict::Granted { expires_at, taken_over, shard, fill_level } => {
            AcquireAnswer::Granted(Granted {
                lease,
                expires_at,
                shard,
                in_use: in_use.unwrap_or_default(),
                max_connections: max_connections.unwrap_or_default(),
                taken_over,
                fill_level,
            })
        }
        Verdict::Refused { reason, retry_after } => {
            AcquireAnswer::Refused(Refused { reason, retry_after, in_use, max_connections })
        }
    }
}

fn decided(answer: Answer, decision: &Decision) -> Answered {
    let Decision { verdict, in_use, max_connections, spent } = *decision;
    let (outcome, taken_over) = match verdict {
        Verdict::Granted { taken_over, .. } => (Outcome::Granted, taken_over),
        Verdict::Refused { reason, .. } => (Outcome::Refused(reason), 0),
    };
    Answered { answer, outcome, taken_over, in_use, max_connections, spent }
}

impl Answered {
    fn new(answer: Answer, outcome: Outcome) -> Self {
        let spent = Spent::default();
        Self { answer, outcome, taken_over: 0, in_use: None, max_connections: None, spent }
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
