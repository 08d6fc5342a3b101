//! One item's decisions: each a conditional write.

use std::cmp::Reverse;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use futures::future::try_join_all;
use rand::RngExt;

use super::{DynamoStore, Outcome, Tries};
use crate::pool::{AcquirePlan, Class, LeaseId, Pool, PoolName, Shard};
use crate::store::expression::{self, Write};
use crate::store::{Answer, Asked, Found, Released, Renewed, Shards, StoreError};
use crate::time::{Clock, Seconds, saturating_times};

/// How often the write of an acquire may be refused, because the pool is full or others changed the item
/// between the read and the write. A sweep that is applied is progress, and does not count: it leaves fewer
/// expired leases to the next one.
const ACQUIRE_TRIES: u32 = 4;

/// How often the shards of a pool are read anew when one of them is not there.
const READ_TRIES: u32 = 4;

/// How often a write of an acquire is sent to a table that does not answer, or fails. Where it throttles,
/// once.
const SENDINGS: u32 = 3;

/// The longest pause between two of them.
const PAUSE: Duration = Duration::from_millis(100);

impl<C: Clock> DynamoStore<C> {
    /// Sends a write of an acquire. When it was applied although its answer was lost, the next one finds
    /// the lease; when that one is throttled, it is not known, [`StoreError::InDoubt`].
    async fn send_acquire(&self, shard: &Shard, write: Write) -> Result<Outcome, StoreError> {
        let phase = "acquire";
        let mut sent = 1;
        loop {
            let returning = ReturnValue::AllNew;
            match self.send(Tries::One, phase, shard, write.clone(), returning).await {
                Err(StoreError::Table { .. }) if sent < SENDINGS => {
                    let pause = saturating_times(PAUSE, rand::rng().random_range(0.0..1.0));
                    tokio::time::sleep(pause).await;
                    sent += 1;
                }
                Err(StoreError::Throttled { phase, pool, source }) if sent > 1 => {
                    return Err(StoreError::InDoubt { phase, pool, source });
                }
                other => return other,
            }
        }
    }

    /// Reads a shard that should be there, as it is now.
    pub(super) async fn read_shard(&self, shard: &Shard) -> Result<Pool, StoreError> {
        self.get(Tries::Many, shard, true).await?.ok_or_else(|| self.unknown(shard))
    }

    /// Reads all shards as they are now, from the first on.
    pub(super) async fn read_shards(&self, pool: &PoolName) -> Result<Vec<Pool>, StoreError> {
        let mut looks = 1;
        loop {
            let first = self.read_shard(&Shard::first(pool)).await?;
            let shards = Shard::all(pool, first.shards).skip(1);
            let others = shards.map(|shard| async move { self.read_shard(&shard).await });
            match try_join_all(others).await {
                Ok(others) => return Ok(std::iter::once(first).chain(others).collect()),
                // The pool has fewer by now; or somebody has deleted one of them.
                Err(StoreError::UnknownPool(_)) if looks < READ_TRIES => looks += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl<C: Clock> Shards for DynamoStore<C> {
    fn known_shards(&self, pool: &PoolName) -> Option<NonZeroU32> {
        self.known.of(pool)
    }

    async fn ask(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<Asked, StoreError> {
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
                Outcome::Applied(item) if sweeps => {
                    swept += replaced;
                    self.seen(shard, &item)?
                }
                Outcome::Applied(item) => {
                    let outcome = Answer::Granted { expires_at, taken_over: swept + replaced };
                    return Ok(Asked { outcome, shard: self.seen(shard, &item)?, writes });
                }
                Outcome::Refused(item) => {
                    races += 1;
                    self.seen(shard, &item)?
                }
            };
            expires_at = self.clock.expiry(ttl);
            let plan = seen.plan_acquire(lease, class, self.clock.now());
            sweeps = matches!(plan, AcquirePlan::Sweep { .. });
            let outcome = match plan {
                AcquirePlan::Full => Answer::Full,
                AcquirePlan::Draining => Answer::Draining,
                AcquirePlan::Held { expires_at } => {
                    Answer::Granted { expires_at, taken_over: swept }
                }
                AcquirePlan::Add => {
                    replaced = 0;
                    next = expression::add(lease, expires_at, class);
                    continue;
                }
                AcquirePlan::TakeOver { expired } => {
                    replaced = u32::try_from(expired.len()).unwrap_or(u32::MAX);
                    next = expression::take_over(&expired, lease, expires_at, class, seen.size);
                    continue;
                }
                AcquirePlan::Sweep { expired } => {
                    replaced = u32::try_from(expired.len()).unwrap_or(u32::MAX);
                    next = expression::sweep(&expired);
                    continue;
                }
            };
            return Ok(Asked { outcome, shard: seen, writes });
        }
        let pool = shard.pool().clone();
        Err(StoreError::Contended { phase: "acquire", pool, tries: ACQUIRE_TRIES })
    }

    async fn look(&self, shard: &Shard) -> Result<Pool, StoreError> {
        self.get(Tries::One, shard, false).await?.ok_or_else(|| self.unknown(shard))
    }

    async fn find(&self, pool: &PoolName, lease: LeaseId) -> Result<Option<Found>, StoreError> {
        let shards = self.read_shards(pool).await?;
        let found = (0..).zip(&shards).filter_map(|(shard, seen)| {
            let expires_at = *seen.leases.get(&lease)?;
            Some(Found { shard, expires_at })
        });
        // It may be in two, where the one in the first has expired and the limit there keeps it out.
        Ok(found.min_by_key(|found| Reverse(found.expires_at)))
    }

    async fn release_from(&self, shard: &Shard, lease: LeaseId) -> Result<Released, StoreError> {
        let outcome = self.write("release", shard, expression::remove(lease), ReturnValue::AllNew);
        let (released, item) = match outcome.await? {
            Outcome::Applied(item) => (true, item),
            Outcome::Refused(item) => (false, item),
        };
        Ok(Released { released, in_use: self.seen(shard, &item)?.in_use() })
    }

    async fn renew_in(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
    ) -> Result<Renewed, StoreError> {
        let (now, expires_at) = (self.clock.now(), self.clock.expiry(ttl));
        let write = expression::renew(lease, expires_at, now);
        let outcome = self.write("renew", shard, write, ReturnValue::AllNew).await?;
        let (Outcome::Applied(item) | Outcome::Refused(item)) = outcome;
        let seen = self.seen(shard, &item)?;
        // Where it was refused and the lease lives, it lasts longer: a later renewal has come before this one.
        Ok(match seen.leases.get(&lease) {
            Some(current) if !Pool::has_expired(*current, now) => Renewed::Until {
                expires_at: Pool::renewed(*current, expires_at),
                fill_level: seen.fill_level(),
            },
            _ => Renewed::Lost,
        })
    }
}
