//! The counter's operations, as conditional writes of shards.

use std::cmp::Reverse;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use futures::future::try_join_all;
use rand::RngExt;

use super::{DynamoStore, Outcome, Tries};
use crate::pool::{AcquirePlan, Class, LeaseId, Pool, PoolName, Shard};
use crate::store::expression::{self, Write};
use crate::store::{
    Grant, Released, Renewed, ShardOutcome, SlotStore, StoreError, Swept, ok_if_missing_shard,
};
use crate::time::{Clock, Seconds, saturating_times};

/// How often the write of an acquire may be refused, because the pool is full or others changed the item
/// between the read and the write. A sweep that is applied does not count: it leaves fewer expired leases to
/// the next one.
const ACQUIRE_TRIES: u32 = 4;

/// How often a write of an acquire is sent to a table that does not answer, or fails. Where it throttles,
/// once.
const ACQUIRE_ATTEMPTS: u32 = 3;

/// The longest pause between two of them.
const ACQUIRE_PAUSE: Duration = Duration::from_millis(100);

/// How often a sweep plans from the current item. It loses a race when another caller has taken over or swept
/// the same expired leases.
const SWEEP_TRIES: u32 = 4;

/// How often an anonymous release looks for the oldest lease. Each lost race is a slot that another caller has
/// released, so this covers every pool of at most as many slots.
const ANONYMOUS_RELEASE_TRIES: u32 = 70;

impl<C: Clock> DynamoStore<C> {
    /// Sends a write of an acquire. When it was applied although its response was lost, the next attempt finds
    /// the lease; when that one is throttled, the result is [`StoreError::InDoubt`].
    async fn send_acquire(&self, shard: &Shard, write: Write) -> Result<Outcome<Pool>, StoreError> {
        let mut sent = 1;
        loop {
            let (write, returning) = (write.clone(), ReturnValue::AllNew);
            match self.write_shard(Tries::One, "acquire", shard, write, returning).await {
                Err(StoreError::Table { .. }) if sent < ACQUIRE_ATTEMPTS => {
                    let factor = rand::rng().random_range(0.0..1.0);
                    tokio::time::sleep(saturating_times(ACQUIRE_PAUSE, factor)).await;
                    sent += 1;
                }
                Err(StoreError::Throttled { phase, pool, source }) if sent > 1 => {
                    return Err(StoreError::InDoubt { phase, pool, source });
                }
                other => return other,
            }
        }
    }

    /// Whether a pool is known to have more than one shard.
    fn is_split(&self, pool: &PoolName) -> bool {
        self.known_shards(pool).is_some_and(|shards| shards > NonZeroU32::MIN)
    }

    /// The shard in which a lease is most likely, as far as the number of shards is known.
    fn first_choice(&self, pool: &PoolName, lease: LeaseId) -> Shard {
        let shards = self.known_shards(pool).unwrap_or(NonZeroU32::MIN);
        let first = lease.home_shard(shards.get() as usize);
        Shard::new(pool.clone(), u32::try_from(first).unwrap_or_default())
    }

    async fn release_from(&self, shard: &Shard, lease: LeaseId) -> Result<Released, StoreError> {
        let outcome = self.write("release", shard, expression::remove(lease)).await?;
        let released = matches!(outcome, Outcome::Applied(_));
        let (Outcome::Applied(shard) | Outcome::Refused(shard)) = outcome;
        Ok(Released { released, in_use: shard.in_use() })
    }

    async fn renew_in(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
    ) -> Result<Renewed, StoreError> {
        let (now, expires_at) = (self.clock.now(), self.clock.expiry(ttl));
        let write = expression::renew(lease, expires_at, now);
        let (Outcome::Applied(seen) | Outcome::Refused(seen)) =
            self.write("renew", shard, write).await?;
        // Where it was refused and the lease lives, it lasts longer: a later renewal has arrived first.
        Ok(match seen.leases.get(&lease) {
            Some(current) if !Pool::has_expired(*current, now) => Renewed::Until {
                expires_at: Pool::renewed(*current, expires_at),
                fill_level: seen.fill_level(),
            },
            _ => Renewed::Lost,
        })
    }

    async fn sweep_shard(&self, shard: &Shard) -> Result<Swept, StoreError> {
        let mut pool = self.read_shard(shard).await?;
        for _ in 0..SWEEP_TRIES {
            let expired = pool.plan_sweep(self.clock.now());
            if expired.is_empty() {
                return Ok(Swept { swept: 0, pool });
            }
            pool = match self.write("sweep", shard, expression::sweep(&expired)).await? {
                Outcome::Applied(pool) => {
                    let swept = u32::try_from(expired.len()).unwrap_or(u32::MAX);
                    return Ok(Swept { swept, pool });
                }
                Outcome::Refused(pool) => pool,
            };
        }
        let pool = shard.pool().clone();
        Err(StoreError::Contended { phase: "sweep", pool, tries: SWEEP_TRIES })
    }
}

impl<C: Clock> SlotStore for DynamoStore<C> {
    fn known_shards(&self, pool: &PoolName) -> Option<NonZeroU32> {
        self.shard_counts().get(pool).copied()
    }

    async fn acquire(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<ShardOutcome, StoreError> {
        // Expired leases that were swept, and those that the next write replaces.
        let (mut swept, mut replaced) = (0, 0);
        let (mut writes, mut races) = (0, 0);
        // The first try is blind: on a pool with room, which is the common case, it is also the last.
        let mut expires_at = self.clock.expiry(ttl);
        let mut next = expression::add(lease, expires_at, class);
        let mut sweeps = false;
        while races < ACQUIRE_TRIES {
            writes += 1;
            let seen = match self.send_acquire(shard, next).await? {
                Outcome::Applied(seen) if sweeps => {
                    swept += replaced;
                    seen
                }
                Outcome::Applied(shard) => {
                    let grant = Some(Grant { expires_at, taken_over: swept + replaced });
                    return Ok(ShardOutcome { grant, shard, writes });
                }
                Outcome::Refused(seen) => {
                    races += 1;
                    seen
                }
            };
            expires_at = self.clock.expiry(ttl);
            let plan = seen.plan_acquire(lease, class, self.clock.now());
            sweeps = matches!(plan, AcquirePlan::Sweep { .. });
            (next, replaced) = match plan {
                AcquirePlan::Full | AcquirePlan::Draining => {
                    return Ok(ShardOutcome { grant: None, shard: seen, writes });
                }
                AcquirePlan::Held { expires_at } => {
                    let grant = Some(Grant { expires_at, taken_over: swept });
                    return Ok(ShardOutcome { grant, shard: seen, writes });
                }
                AcquirePlan::Add => (expression::add(lease, expires_at, class), 0),
                AcquirePlan::TakeOver { expired } => (
                    expression::take_over(&expired, lease, expires_at, class, seen.size),
                    u32::try_from(expired.len()).unwrap_or(u32::MAX),
                ),
                AcquirePlan::Sweep { expired } => {
                    (expression::sweep(&expired), u32::try_from(expired.len()).unwrap_or(u32::MAX))
                }
            };
        }
        let pool = shard.pool().clone();
        Err(StoreError::Contended { phase: "acquire", pool, tries: ACQUIRE_TRIES })
    }

    async fn peek(&self, shard: &Shard) -> Result<Pool, StoreError> {
        self.get_shard(Tries::One, shard, false).await?.ok_or_else(|| self.unknown(shard))
    }

    async fn find(&self, pool: &PoolName, lease: LeaseId) -> Result<Option<u32>, StoreError> {
        let shards = self.read_shards(pool).await?;
        let held = (0..).zip(&shards);
        let held = held.filter_map(|(number, shard)| Some((number, *shard.leases.get(&lease)?)));
        // Two may hold it: where it has expired in the first and the limit there kept it out, a later attempt
        // was granted in another.
        Ok(held.min_by_key(|(_, expires_at)| Reverse(*expires_at)).map(|(number, _)| number))
    }

    async fn release(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        shard: Option<u32>,
    ) -> Result<Released, StoreError> {
        if let Some(number) = shard {
            let shard = Shard::new(pool.clone(), number);
            let released = self.release_from(&shard, lease).await;
            if let Some(released) = ok_if_missing_shard(&shard, released)? {
                return Ok(released);
            }
        }
        let first = self.first_choice(pool, lease);
        let mut outcome = match ok_if_missing_shard(&first, self.release_from(&first, lease).await)?
        {
            Some(outcome) if outcome.released || !self.is_split(pool) => return Ok(outcome),
            Some(outcome) => outcome,
            None => Released { released: false, in_use: 0 },
        };
        // Any shard may have granted it.
        for (number, seen) in (0..).zip(self.read_shards(pool).await?) {
            if seen.leases.contains_key(&lease) {
                let next = self.release_from(&Shard::new(pool.clone(), number), lease).await?;
                outcome = Released { released: outcome.released || next.released, ..next };
            }
        }
        Ok(outcome)
    }

    async fn renew(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        shard: Option<u32>,
    ) -> Result<Renewed, StoreError> {
        if let Some(number) = shard {
            let shard = Shard::new(pool.clone(), number);
            let renewed = self.renew_in(&shard, lease, ttl).await;
            if let Some(renewed) = ok_if_missing_shard(&shard, renewed)? {
                return Ok(renewed);
            }
        }
        let first = self.first_choice(pool, lease);
        match ok_if_missing_shard(&first, self.renew_in(&first, lease, ttl).await)? {
            None => {}
            Some(Renewed::Lost) if self.is_split(pool) => {}
            Some(renewed) => return Ok(renewed),
        }
        match self.find(pool, lease).await? {
            Some(number) => self.renew_in(&Shard::new(pool.clone(), number), lease, ttl).await,
            None => Ok(Renewed::Lost),
        }
    }

    async fn release_oldest_anonymous(&self, pool: &PoolName) -> Result<Released, StoreError> {
        for _ in 0..ANONYMOUS_RELEASE_TRIES {
            let shards = self.read_shards(pool).await?;
            let in_use = shards.iter().map(Pool::in_use).sum();
            let oldest = (0..)
                .zip(&shards)
                .filter_map(|(number, seen)| Some((number, seen.oldest_anonymous()?)))
                .min_by_key(|(_, (_, expires_at))| *expires_at);
            let Some((number, (oldest, _))) = oldest else {
                return Ok(Released { released: false, in_use });
            };
            let release = self.release_from(&Shard::new(pool.clone(), number), oldest).await?;
            if release.released {
                return Ok(release);
            }
        }
        let phase = "release";
        Err(StoreError::Contended { phase, pool: pool.clone(), tries: ANONYMOUS_RELEASE_TRIES })
    }

    async fn sweep(&self, pool: &PoolName) -> Result<Swept, StoreError> {
        let first = self.sweep_shard(&Shard::first(pool)).await?;
        let others = Shard::all(pool, first.pool.shards).skip(1);
        let others = others.map(|shard| async move { self.sweep_shard(&shard).await });
        let mut all = try_join_all(others).await?;
        all.insert(0, first);
        let swept = all.iter().map(|shard| shard.swept).sum();
        let whole = Pool::whole(all.into_iter().map(|shard| shard.pool));
        whole.map(|pool| Swept { swept, pool }).ok_or_else(|| self.unknown(&Shard::first(pool)))
    }

    async fn read(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        let shards = self.read_shards(pool).await?;
        Pool::whole(shards).ok_or_else(|| self.unknown(&Shard::first(pool)))
    }
}
