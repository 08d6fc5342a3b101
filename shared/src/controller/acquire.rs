//! Acquires.

use std::num::NonZeroU32;

use super::cache::SharedCache;
use super::singleflight::PeekResult;
use super::{Controller, Decision, RequestCounts, shards_of};
use crate::pool::rejection::{PoolSnapshot, ShardProbe, Step};
use crate::pool::{Class, LeaseId, PoolName, Shard};
use crate::store::{Grant, ShardOutcome, SlotStore, StoreError, ok_if_missing_shard};
use crate::time::{Clock, Seconds};
use crate::wire::{AcquireAnswer, Granted, Reason, Refused};

/// The parameters of an acquire.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    pool: &'a PoolName,
    lease: LeaseId,
    ttl: Seconds,
    class: Class,
}

/// The outcome of an attempt on one shard.
enum Attempt {
    Granted(AcquireAnswer),
    Full,
    Draining,
    /// The shard no longer exists.
    Missing,
}

impl<S: SlotStore + 'static, C: Clock + 'static> Controller<S, C> {
    /// Acquires a slot of `pool` for `ttl`, under the id `lease`.
    ///
    /// A `new` acquire (a first attempt) of class standard may be rejected from the cache; any new acquire
    /// is rejected if the table throttles it. A retry is neither: an earlier attempt may have been granted,
    /// and a caller that gets a rejection never releases.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may then be held or not.
    pub async fn acquire(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
        new: bool,
    ) -> Result<Decision<AcquireAnswer>, StoreError> {
        let wanted = Wanted { pool, lease, ttl, class };
        let mut requests = RequestCounts::default();
        let decided = if new && class == Class::Standard {
            self.acquire_cached(wanted, &mut requests).await
        } else {
            self.acquire_from_table(wanted, new, &mut requests).await
        };
        let answer = match decided {
            Ok(answer) => answer,
            Err(error @ (StoreError::Throttled { .. } | StoreError::InDoubt { .. })) => {
                self.parts.caches.throttled(pool, self.parts.now());
                match error {
                    StoreError::Throttled { .. } if new => self.reject(pool, Reason::Throttled),
                    _ => return Err(error),
                }
            }
            // Other acquires took over the same expired leases on every retry: too many to decide them all.
            Err(StoreError::Contended { .. }) => self.reject(pool, Reason::Throttled),
            Err(error) => {
                if let StoreError::UnknownPool(_) = error {
                    self.parts.caches.remove(pool);
                }
                return Err(error);
            }
        };
        let (in_use, max_connections) = self.usage(pool);
        Ok(Decision { answer, in_use, max_connections, requests })
    }

    /// Acquires through the cache, which may reject without a request.
    async fn acquire_cached(
        &self,
        wanted: Wanted<'_>,
        requests: &mut RequestCounts,
    ) -> Result<AcquireAnswer, StoreError> {
        let shards = self.shards(wanted.pool);
        let mut cache = self.cache(wanted.pool);
        let mut probe = self.begin(&cache, wanted.lease);
        let mut restarted = false;
        loop {
            let step = {
                let (now, mut rng) = (self.parts.now(), self.parts.rng());
                cache.lock().rejection.step(&mut probe, now, &mut *rng)
            };
            let number = match step {
                Step::Reject => return Ok(self.reject(wanted.pool, cached_reason(&cache, &probe))),
                Step::Attempt(number) => number,
                Step::Peek(number) => {
                    let shard = shard_of(wanted.pool, number);
                    let (result, sent) = self.peek(&cache, &shard, wanted.lease).await;
                    requests.peeks += sent;
                    match result {
                        PeekResult::Attempt => number,
                        PeekResult::Skip => continue,
                        PeekResult::Throttled => {
                            return Ok(self.reject(wanted.pool, Reason::Throttled));
                        }
                    }
                }
            };
            match self.attempt(wanted, &cache, number, requests).await? {
                Attempt::Granted(answer) => return Ok(answer),
                Attempt::Draining => return Ok(self.reject(wanted.pool, Reason::Draining)),
                Attempt::Full | Attempt::Missing => {}
            }
            // The first response of a pool shows how many shards it has, and a later one may show another
            // number. Restart once only: during a resize, responses differ.
            if !restarted && self.shards(wanted.pool) != shards {
                restarted = true;
                cache = self.cache(wanted.pool);
                probe = self.begin(&cache, wanted.lease);
            }
        }
    }

    /// Acquires from the table, shard by shard.
    async fn acquire_from_table(
        &self,
        wanted: Wanted<'_>,
        new: bool,
        requests: &mut RequestCounts,
    ) -> Result<AcquireAnswer, StoreError> {
        let store = &self.parts.store;
        // With a single shard, the write's own condition recognises a repeated acquire.
        let finds_first = !new && store.known_shards(wanted.pool) != Some(NonZeroU32::MIN);
        if finds_first && let Some(answer) = self.acquire_where_held(wanted, requests).await? {
            return Ok(answer);
        }
        let decided = self.attempt_all(wanted, requests).await;
        let may_be_elsewhere = match decided {
            Ok(AcquireAnswer::Refused(_)) => self.shards(wanted.pool) > NonZeroU32::MIN,
            Err(StoreError::Contended { .. }) => true,
            _ => false,
        };
        // The pool may have been split since, with an earlier attempt granted in another shard.
        if may_be_elsewhere
            && !new
            && !finds_first
            && let Some(answer) = self.acquire_where_held(wanted, requests).await?
        {
            return Ok(answer);
        }
        decided
    }

    /// Acquires from the shard that holds the lease, if one does.
    async fn acquire_where_held(
        &self,
        wanted: Wanted<'_>,
        requests: &mut RequestCounts,
    ) -> Result<Option<AcquireAnswer>, StoreError> {
        let Some(number) = self.parts.store.find(wanted.pool, wanted.lease).await? else {
            return Ok(None);
        };
        let cache = self.cache(wanted.pool);
        match self.attempt(wanted, &cache, number as usize, requests).await? {
            Attempt::Granted(answer) => Ok(Some(answer)),
            Attempt::Full | Attempt::Draining | Attempt::Missing => Ok(None),
        }
    }

    /// Attempts one shard after the other, from the home shard.
    async fn attempt_all(
        &self,
        wanted: Wanted<'_>,
        requests: &mut RequestCounts,
    ) -> Result<AcquireAnswer, StoreError> {
        let Wanted { pool, lease, .. } = wanted;
        let mut tried = Vec::new();
        loop {
            let shards = self.shards(pool).get() as usize;
            let home = lease.home_shard(shards);
            let mut order = (0..shards).map(|n| (home + n) % shards);
            let Some(number) = order.find(|number| !tried.contains(number)) else {
                return Ok(self.reject(pool, Reason::Full));
            };
            tried.push(number);
            match self.attempt(wanted, &self.cache(pool), number, requests).await? {
                Attempt::Granted(answer) => return Ok(answer),
                Attempt::Draining => return Ok(self.reject(pool, Reason::Draining)),
                Attempt::Full | Attempt::Missing => {}
            }
        }
    }

    /// Attempts the write on one shard, and caches its state.
    async fn attempt(
        &self,
        wanted: Wanted<'_>,
        cache: &SharedCache,
        number: usize,
        requests: &mut RequestCounts,
    ) -> Result<Attempt, StoreError> {
        let Wanted { pool, lease, ttl, class } = wanted;
        let shard = shard_of(pool, number);
        let outcome = self.parts.store.acquire(&shard, lease, ttl, class).await;
        let Some(ShardOutcome { grant, shard: seen, writes }) =
            ok_if_missing_shard(&shard, outcome)?
        else {
            requests.writes += 1;
            return Ok(Attempt::Missing);
        };
        requests.writes += writes;
        let now = self.parts.now();
        let snapshot = PoolSnapshot::of(&seen, Class::Standard, self.parts.clock.now());
        cache.lock().rejection.attempted(number, now, lease, grant.is_some(), snapshot);
        let (in_use, max_connections) = self.usage(pool);
        Ok(match grant {
            Some(Grant { expires_at, taken_over }) => {
                Attempt::Granted(AcquireAnswer::Granted(Granted {
                    lease,
                    expires_at,
                    shard: (seen.shards > NonZeroU32::MIN).then_some(shard.number()),
                    in_use: in_use.unwrap_or_default(),
                    max_connections: max_connections.unwrap_or_default(),
                    taken_over,
                    fill_level: seen.fill_level(),
                }))
            }
            None if seen.draining => Attempt::Draining,
            None => Attempt::Full,
        })
    }

    fn begin(&self, cache: &SharedCache, lease: LeaseId) -> ShardProbe {
        let (now, mut rng) = (self.parts.now(), self.parts.rng());
        cache.lock().rejection.begin(now, lease, &mut *rng)
    }

    fn reject(&self, pool: &PoolName, reason: Reason) -> AcquireAnswer {
        let retry_after = self.retry_after(pool);
        let (in_use, max_connections) = self.usage(pool);
        AcquireAnswer::Refused(Refused { reason, retry_after, in_use, max_connections })
    }

    /// Returns the leases held in the whole pool and its slots, as last seen.
    fn usage(&self, pool: &PoolName) -> (Option<u32>, Option<u32>) {
        let snapshot = self.cache(pool).lock().rejection.snapshot();
        snapshot.map(|snapshot| (snapshot.in_use, snapshot.max_connections)).unzip()
    }

    fn shards(&self, pool: &PoolName) -> NonZeroU32 {
        shards_of(&self.parts.store, pool)
    }

    fn cache(&self, pool: &PoolName) -> SharedCache {
        self.parts.caches.of(pool, self.shards(pool))
    }
}

/// The reason for a rejection without a (further) request.
fn cached_reason(cache: &SharedCache, probe: &ShardProbe) -> Reason {
    if probe.is_backed_off() {
        return Reason::Throttled;
    }
    let snapshot = cache.lock().rejection.snapshot();
    if snapshot.is_some_and(|pool| pool.draining) { Reason::Draining } else { Reason::Full }
}

fn shard_of(pool: &PoolName, number: usize) -> Shard {
    Shard::new(pool.clone(), u32::try_from(number).unwrap_or(u32::MAX))
}
