//! A counter with configurable behaviour. Detects slots that are released too early.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rds_admission::backend::{Backend, BackendError, BackendFuture, BackendKind};
use rds_admission::pool::{PoolName, PoolSize, Shard};
use rds_admission::store::{Grant, MemoryStore, PoolAdmin, SlotStore};
use rds_admission::time::SystemClock;
use rds_admission::wire::{
    AcquireAnswer, AcquireRequest, Granted, Reason, Refused, ReleaseAnswer, ReleaseRequest,
    RenewAnswer, RenewRequest, error_type,
};
use tokio::task::yield_now;

/// Result of an acquire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquire {
    Granted,
    Refused,
    Failed,
    GrantedButLost,
}

/// Result of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    Works,
    FailsOnce,
    AnswerLostOnce,
}

impl Release {
    pub(crate) const ALL: [Self; 3] = [Self::Works, Self::FailsOnce, Self::AnswerLostOnce];
}

/// The counter. Each request yields before and after the decision.
pub(crate) struct Gates {
    store: MemoryStore<SystemClock>,
    behaviour: Mutex<(Acquire, Release)>,
    connections: Arc<AtomicUsize>,
    too_soon: AtomicU32,
}

pub(crate) fn pool() -> PoolName {
    "Prod_MySQL".parse().expect("a name")
}

impl Gates {
    /// Returns a counter for a database with this number of open connections.
    pub(crate) async fn new(connections: Arc<AtomicUsize>) -> Self {
        let store = MemoryStore::new(SystemClock);
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        store.define(&pool(), size, None).await.expect("a pool");
        let behaviour = Mutex::new((Acquire::Granted, Release::Works));
        Self { store, behaviour, connections, too_soon: AtomicU32::new(0) }
    }

    /// Sets the behaviour of later requests.
    pub(crate) fn set(&self, acquire: Acquire, release: Release) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = (acquire, release);
    }

    pub(crate) async fn in_use(&self) -> u32 {
        self.store.read(&pool()).await.expect("a pool").in_use()
    }

    /// Returns how many slots were released while a connection was open.
    pub(crate) fn too_soon(&self) -> u32 {
        self.too_soon.load(Ordering::SeqCst)
    }

    fn acquires(&self) -> Acquire {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns the behaviour of the next release. The one after it succeeds.
    fn releases(&self) -> Release {
        let mut behaviour = self.behaviour.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut behaviour.1, Release::Works)
    }

    async fn acquire(&self, request: &AcquireRequest) -> Result<AcquireAnswer, BackendError> {
        let AcquireRequest { pool, lease, ttl, class, .. } = request;
        let refused = AcquireAnswer::Refused(Refused {
            reason: Reason::Full,
            retry_after: Duration::from_millis(250),
            in_use: Some(60),
            max_connections: Some(62),
        });
        let behaviour = self.acquires();
        let answer = match behaviour {
            Acquire::Refused => refused,
            Acquire::Failed => return Err(failed()),
            Acquire::Granted | Acquire::GrantedButLost => {
                let shard = Shard::first(pool);
                let outcome = self.store.acquire(&shard, *lease, *ttl, *class).await;
                let outcome = outcome.expect("a pool");
                match outcome.grant {
                    Some(Grant { expires_at, taken_over }) => AcquireAnswer::Granted(Granted {
                        lease: *lease,
                        expires_at,
                        shard: None,
                        in_use: outcome.shard.in_use(),
                        max_connections: outcome.shard.size.max_connections(),
                        taken_over,
                        fill_level: None,
                    }),
                    None => refused,
                }
            }
        };
        if behaviour == Acquire::GrantedButLost {
            return Err(failed());
        }
        Ok(answer)
    }

    async fn release(&self, request: &ReleaseRequest) -> Result<ReleaseAnswer, BackendError> {
        let ReleaseRequest { pool, lease, .. } = request;
        let behaviour = self.releases();
        if behaviour == Release::FailsOnce {
            return Err(failed());
        }
        let connections = self.connections.load(Ordering::SeqCst);
        let released = self.store.release(pool, *lease, None).await.expect("a pool");
        // A repeated release has no effect, and may arrive while the next request runs.
        if released.released && connections > 0 {
            self.too_soon.fetch_add(1, Ordering::SeqCst);
        }
        if behaviour == Release::AnswerLostOnce {
            return Err(failed());
        }
        Ok(ReleaseAnswer { released: released.released, in_use: released.in_use })
    }
}

fn failed() -> BackendError {
    BackendError::Failed {
        error_type: error_type::STORE_UNAVAILABLE.to_owned(),
        message: "on demand".to_owned(),
    }
}

/// A request's handle to the counter.
#[derive(Clone)]
pub(crate) struct Gate(pub(crate) Arc<Gates>);

impl Backend for Gate {
    fn kind(&self) -> BackendKind {
        BackendKind::Counter
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        Box::pin(async {
            yield_now().await;
            let answer = self.0.acquire(request).await;
            yield_now().await;
            answer
        })
    }

    fn renew<'a>(&'a self, _: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        unreachable!("no slot is kept")
    }

    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(async {
            yield_now().await;
            let answer = self.0.release(request).await;
            yield_now().await;
            answer
        })
    }
}
