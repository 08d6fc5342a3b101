//! The way of a caller that wants a slot.

use std::num::NonZeroU32;

use super::looks::{Looked, Own};
use super::memory::{Known, Shared};
use super::{Controller, Decision, RequestCounts, shards_of};
use crate::pool::frugal::{Sighting, Step, Tour};
use crate::pool::{Class, LeaseId, PoolName, Shard};
use crate::store::{Grant, ShardOutcome, SlotStore, StoreError, ok_if_missing_shard};
use crate::time::{Clock, Seconds};
use crate::wire::{AcquireAnswer, Granted, Reason, Refused};

/// Who wants what.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    pool: &'a PoolName,
    lease: LeaseId,
    ttl: Seconds,
    class: Class,
}

/// How far a caller has come with one shard.
enum At {
    Granted(AcquireAnswer),
    Full,
    Draining,
    /// The pool has no such shard any more.
    Gone,
}

impl<S: SlotStore + 'static, C: Clock + 'static> Controller<S, C> {
    /// Takes a slot of `pool` for `ttl`, under the id `lease`.
    ///
    /// An acquire that is `new`, which was never asked for before, may be refused by what is remembered of
    /// the pool, and is refused when the table throttles it. One that may be a repeated one is neither: an
    /// earlier try may have been granted, and its caller would not give back what it was told it does not have.
    /// One of class priority, of which there are few, is not refused from memory.
    ///
    /// # Errors
    /// [`StoreError`]; no lease may then be presumed, nor that there is none.
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
            self.by_memory(wanted, &mut requests).await
        } else {
            self.by_asking(wanted, new, &mut requests).await
        };
        let mut answer = match decided {
            Ok(answer) => answer,
            Err(error @ (StoreError::Throttled { .. } | StoreError::InDoubt { .. })) => {
                self.parts.memories.throttled(pool, self.parts.now());
                match error {
                    StoreError::Throttled { .. } if new => self.refused(pool, Reason::Throttled),
                    _ => return Err(error),
                }
            }
            // Others took over what this caller saw, again and again: more asked than can be decided.
            Err(StoreError::Contended { .. }) => self.refused(pool, Reason::Throttled),
            Err(error) => {
                if let StoreError::UnknownPool(_) = error {
                    self.parts.memories.forget(pool);
                }
                return Err(error);
            }
        };
        let known = self.memory(pool).lock().known();
        let (in_use, max_connections) =
            known.map(|Known { in_use, max_connections, .. }| (in_use, max_connections)).unzip();
        answer.set_usage(in_use, max_connections);
        Ok(Decision { answer, in_use, max_connections, requests })
    }

    /// What is remembered decides whether the table is asked, and what.
    async fn by_memory(
        &self,
        wanted: Wanted<'_>,
        requests: &mut RequestCounts,
    ) -> Result<AcquireAnswer, StoreError> {
        let shards = self.shards(wanted.pool);
        let mut memory = self.memory(wanted.pool);
        let mut tour = self.sets_out(&memory, wanted.lease);
        let mut anew = false;
        loop {
            let step = {
                let (now, mut dice) = (self.parts.now(), self.parts.dice());
                memory.lock().frugal.step(&mut tour, now, &mut *dice)
            };
            let number = match step {
                Step::Refuse => {
                    let reason = reason_without_asking(&memory, &tour);
                    return Ok(self.refused(wanted.pool, reason));
                }
                Step::Ask(number) => number,
                Step::Look(number) => {
                    let shard = shard_of(wanted.pool, number);
                    let (looked, Own(own)) = self.look(&memory, &shard, wanted.lease).await;
                    requests.peeks += u32::from(own);
                    match looked {
                        Looked::Ask => number,
                        Looked::GoOn => continue,
                        Looked::Throttled => {
                            return Ok(self.refused(wanted.pool, Reason::Throttled));
                        }
                    }
                }
            };
            match self.ask(wanted, &memory, number, requests).await? {
                At::Granted(answer) => return Ok(answer),
                At::Draining => return Ok(self.refused(wanted.pool, Reason::Draining)),
                At::Full | At::Gone => {}
            }
            // The first answer of a pool tells how many shards it has, and any answer that it has others. Once
            // only: while their number changes, answers differ.
            if !anew && self.shards(wanted.pool) != shards {
                anew = true;
                memory = self.memory(wanted.pool);
                tour = self.sets_out(&memory, wanted.lease);
            }
        }
    }

    /// The table is asked, shard by shard.
    async fn by_asking(
        &self,
        wanted: Wanted<'_>,
        new: bool,
        requests: &mut RequestCounts,
    ) -> Result<AcquireAnswer, StoreError> {
        let store = &self.parts.store;
        // Where there is one shard only, its own condition tells a repeated call.
        let looks_first = !new && store.known_shards(wanted.pool) != Some(NonZeroU32::MIN);
        if looks_first && let Some(answer) = self.where_it_is(wanted, requests).await? {
            return Ok(answer);
        }
        let decided = self.one_by_one(wanted, requests).await;
        let is_left_out = match decided {
            Ok(AcquireAnswer::Refused(_)) => self.shards(wanted.pool) > NonZeroU32::MIN,
            Err(StoreError::Contended { .. }) => true,
            _ => false,
        };
        // The pool may have been split since it was last seen, and an earlier try granted in another shard.
        if is_left_out
            && !new
            && !looks_first
            && let Some(answer) = self.where_it_is(wanted, requests).await?
        {
            return Ok(answer);
        }
        decided
    }

    /// Asks the shard in which the lease is, if it is in one.
    async fn where_it_is(
        &self,
        wanted: Wanted<'_>,
        requests: &mut RequestCounts,
    ) -> Result<Option<AcquireAnswer>, StoreError> {
        let Some(number) = self.parts.store.find(wanted.pool, wanted.lease).await? else {
            return Ok(None);
        };
        let memory = self.memory(wanted.pool);
        match self.ask(wanted, &memory, number as usize, requests).await? {
            At::Granted(answer) => Ok(Some(answer)),
            At::Full | At::Draining | At::Gone => Ok(None),
        }
    }

    /// Asks one shard after the other.
    async fn one_by_one(
        &self,
        wanted: Wanted<'_>,
        requests: &mut RequestCounts,
    ) -> Result<AcquireAnswer, StoreError> {
        let Wanted { pool, lease, .. } = wanted;
        let mut asked = Vec::new();
        loop {
            let shards = self.shards(pool).get() as usize;
            let first = Tour::first(lease, shards);
            let mut order = (0..shards).map(|n| (first + n) % shards);
            let Some(number) = order.find(|number| !asked.contains(number)) else {
                return Ok(self.refused(pool, Reason::Full));
            };
            asked.push(number);
            match self.ask(wanted, &self.memory(pool), number, requests).await? {
                At::Granted(answer) => return Ok(answer),
                At::Draining => return Ok(self.refused(pool, Reason::Draining)),
                At::Full | At::Gone => {}
            }
        }
    }

    /// Asks one shard, and remembers what it said.
    async fn ask(
        &self,
        wanted: Wanted<'_>,
        memory: &Shared,
        number: usize,
        requests: &mut RequestCounts,
    ) -> Result<At, StoreError> {
        let Wanted { pool, lease, ttl, class } = wanted;
        let shard = shard_of(pool, number);
        let outcome = self.parts.store.acquire(&shard, lease, ttl, class).await;
        let Some(ShardOutcome { grant, shard: seen, writes }) =
            ok_if_missing_shard(&shard, outcome)?
        else {
            requests.writes += 1;
            return Ok(At::Gone);
        };
        requests.writes += writes;
        let now = self.parts.now();
        let sighting = Sighting::of(&seen, Class::Standard, self.parts.clock.now());
        let mut memory = memory.lock();
        memory.saw(number, &seen);
        Ok(match grant {
            Some(Grant { expires_at, taken_over }) => {
                memory.frugal.granted(number, now, lease, &sighting);
                let shard = (seen.shards > NonZeroU32::MIN).then_some(shard.number());
                let fill_level = seen.fill_level();
                At::Granted(AcquireAnswer::Granted(Granted {
                    lease,
                    expires_at,
                    shard,
                    in_use: 0,
                    max_connections: 0,
                    taken_over,
                    fill_level,
                }))
            }
            None => {
                memory.frugal.refused(number, now, lease, &sighting);
                if seen.draining { At::Draining } else { At::Full }
            }
        })
    }

    fn sets_out(&self, memory: &Shared, lease: LeaseId) -> Tour {
        let (now, mut dice) = (self.parts.now(), self.parts.dice());
        memory.lock().frugal.arrives(now, lease, &mut *dice)
    }

    fn refused(&self, pool: &PoolName, reason: Reason) -> AcquireAnswer {
        let retry_after = self.retry_after(pool);
        AcquireAnswer::Refused(Refused { reason, retry_after, in_use: None, max_connections: None })
    }

    fn shards(&self, pool: &PoolName) -> NonZeroU32 {
        shards_of(&self.parts.store, pool)
    }

    fn memory(&self, pool: &PoolName) -> Shared {
        self.parts.memories.of(pool, self.shards(pool))
    }
}

/// Why a caller is refused for whom nothing was asked, or nothing more.
fn reason_without_asking(memory: &Shared, tour: &Tour) -> Reason {
    if !tour.is_let_through() {
        return Reason::Throttled;
    }
    let known = memory.lock().known();
    if known.is_some_and(|known| known.draining) { Reason::Draining } else { Reason::Full }
}

fn shard_of(pool: &PoolName, number: usize) -> Shard {
    Shard::new(pool.clone(), u32::try_from(number).unwrap_or(u32::MAX))
}
