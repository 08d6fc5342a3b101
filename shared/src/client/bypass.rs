//! Doing without the counter, in an emergency.

use serde_json::{Value, json};

use super::{Counter, CounterError};
use crate::time::{Clock, SystemClock};
use crate::wire::{
    AcquireAnswer, Granted, ReleaseAnswer, RenewAnswer, Request, StatusAnswer, SweepAnswer,
};

/// Grants everybody and asks nobody: the emergency switch for when the counter or its table is out of
/// reach, and serving too many beats serving none.
///
/// The database has no protection then but a reserved concurrency of the functions that connect to it.
/// What else a slot gives still holds: a session is limited, and ends with its lease.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bypass<C = SystemClock> {
    clock: C,
}

impl<C: Clock> Bypass<C> {
    /// A bypass whose leases are told by `clock`.
    pub fn new(clock: C) -> Self {
        Self { clock }
    }
}

impl<C: Clock> Counter for Bypass<C> {
    /// Every answer says what its asker hopes for, and that the pool has no slot in use, of none.
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        let told = match *request {
            Request::Take { .. } | Request::GiveBack { .. } => Ok(json!(true)),
            Request::Acquire { lease, ttl, .. } => {
                let expires_at = self.clock.expiry(ttl);
                serde_json::to_value(AcquireAnswer::Granted(Granted {
                    lease,
                    expires_at,
                    shard: None,
                    in_use: 0,
                    max_connections: 0,
                    taken_over: 0,
                    fill_level: None,
                }))
            }
            Request::Release { .. } => {
                serde_json::to_value(ReleaseAnswer { released: true, in_use: 0 })
            }
            Request::Renew { ttl, .. } => {
                let expires_at = Some(self.clock.expiry(ttl));
                serde_json::to_value(RenewAnswer { renewed: true, expires_at, fill_level: None })
            }
            Request::Status { .. } => serde_json::to_value(StatusAnswer {
                in_use: 0,
                max_connections: 0,
                standard_limit: 0,
                expired: 0,
                draining: false,
            }),
            Request::Sweep { .. } => serde_json::to_value(SweepAnswer {
                expired: 0,
                in_use: 0,
                max_connections: 0,
                standard_limit: 0,
                draining: false,
            }),
        };
        told.map_err(|source| CounterError::Answer { source })
    }

    fn protects(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Class, LeaseId, PoolName};
    use crate::time::{FakeClock, Seconds, UnixSeconds};

    #[tokio::test]
    async fn everybody_is_granted_for_as_long_as_they_ask() {
        let bypass = Bypass::new(FakeClock::at(UnixSeconds(1_000)));
        let pool: PoolName = "Prod_MySQL".parse().expect("a name");
        let lease: LeaseId = "Zk3v9Qa1".parse().expect("an id");
        let ttl = Seconds(25);
        let (class, attempt) = (Class::Standard, None);
        let acquire = Request::Acquire { pool: pool.clone(), lease, ttl, class, attempt };
        for _ in 0..100 {
            let AcquireAnswer::Granted(granted) = bypass.ask(&acquire).await.expect("an answer")
            else {
                panic!("refused")
            };
            assert_eq!((granted.lease, granted.expires_at), (lease, UnixSeconds(1_025)));
        }
        let renew = Request::Renew { pool: pool.clone(), lease, ttl, shard: None };
        let renewed: RenewAnswer = bypass.ask(&renew).await.expect("an answer");
        assert_eq!(renewed.expires_at, Some(UnixSeconds(1_025)));
        let released: ReleaseAnswer =
            bypass.ask(&Request::Release { pool, lease, shard: None }).await.expect("an answer");
        assert!(released.released);
        assert!(!bypass.protects());
    }
}
