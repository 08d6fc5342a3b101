//! A counter and its pool, in each state that a payload may meet.

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use counter::{Counter, Limiter};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::controller::Controller;
use rds_admission::pool::{Class, LeaseId, PoolName, PoolSize, Shard};
use rds_admission::store::{MemoryStore, PoolAdmin, SlotStore};
use rds_admission::time::{Clock, FakeClock, Seconds, UnixSeconds};

/// The pool.
pub(crate) static POOL: LazyLock<PoolName> =
    LazyLock::new(|| "Prod_MySQL".parse().expect("a name"));

const START: UnixSeconds = UnixSeconds(1_764_000_000);

/// The pool's state before the payload. It has 4 slots, one of them for class priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filling {
    /// Slots are free.
    Room,
    /// All are held.
    Full,
    /// All are held, and some of the leases have expired.
    Expired,
    /// Some of the leases have expired, and the pool is draining.
    Draining,
}

impl Filling {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Room, Self::Full, Self::Expired, Self::Draining];

    /// The leases, and whether each has expired. Most payloads name `Zk3v9Qa1`.
    fn leases(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Room => &[("~anonym1", false), ("Zk3v9Qa1", false)],
            Self::Full => &[
                ("~anonym1", false),
                ("~anonym2", false),
                ("Zk3v9Qa1", false),
                ("another1", false),
            ],
            Self::Expired => {
                &[("~anonym1", true), ("Zk3v9Qa1", true), ("~anonym2", false), ("another1", false)]
            }
            Self::Draining => &[("~anonym1", false), ("Zk3v9Qa1", true), ("another1", false)],
        }
    }
}

/// A counter of a pool in memory.
pub(crate) type World = Counter<MemoryStore<Arc<FakeClock>>, Arc<FakeClock>>;

/// Returns a counter whose pool has this filling, and the time.
pub(crate) async fn world(filling: Filling) -> (World, UnixSeconds) {
    let clock = Arc::new(FakeClock::at(START));
    let store = MemoryStore::new(Arc::clone(&clock));
    let size = PoolSize::divide(4, 0, 1).expect("a size");
    store.define(&POOL, size, None).await.expect("the pool");
    for (id, expired) in filling.leases() {
        let lease = LeaseId::from_stored(id).expect("an id");
        let ttl = Seconds(if *expired { 10 } else { 100 });
        store.acquire(&Shard::first(&POOL), lease, ttl, Class::Priority).await.expect("a slot");
    }
    if filling == Filling::Draining {
        store.drain(&POOL).await.expect("the pool");
    }
    clock.advance(Seconds(20));
    let now = clock.now();
    // High enough that nothing is throttled.
    let limiter = Limiter::per_second(NonZeroU32::new(1_000_000).expect("not 0"));
    (Counter::new(Controller::new(store, clock, StdRng::seed_from_u64(7)), limiter), now)
}
