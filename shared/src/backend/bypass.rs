//! Admission without a limit, for emergencies.

use std::future::ready;

use super::{Backend, BackendFuture, BackendKind};
use crate::time::{Clock, SystemClock};
use crate::wire::{
    AcquireAnswer, AcquireRequest, Granted, ReleaseAnswer, ReleaseRequest, RenewAnswer,
    RenewRequest,
};

/// Grants every request without counting: for when the counter or its table is unavailable, and too many connections
/// are better than none.
///
/// Only a reserved concurrency of the calling functions then protects the database. Sessions are still limited and
/// end with their lease. Reports a pool of 0 slots.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bypass<C = SystemClock> {
    clock: C,
}

impl<C: Clock> Bypass<C> {
    /// Returns a bypass whose leases expire by `clock`.
    pub fn new(clock: C) -> Self {
        Self { clock }
    }
}

impl<C: Clock> Backend for Bypass<C> {
    fn kind(&self) -> BackendKind {
        BackendKind::Bypass
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        Box::pin(ready(Ok(AcquireAnswer::Granted(Granted {
            lease: request.lease,
            expires_at: self.clock.expiry(request.ttl),
            shard: None,
            in_use: 0,
            max_connections: 0,
            taken_over: 0,
            fill_level: None,
        }))))
    }

    fn renew<'a>(&'a self, request: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        let expires_at = Some(self.clock.expiry(request.ttl));
        Box::pin(ready(Ok(RenewAnswer { renewed: true, expires_at, fill_level: None })))
    }

    fn release<'a>(&'a self, _: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(ready(Ok(ReleaseAnswer { released: true, in_use: 0 })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Class, LeaseId, PoolName};
    use crate::time::{FakeClock, Seconds, UnixSeconds};

    #[tokio::test]
    async fn every_request_is_granted_for_its_ttl() {
        let bypass = Bypass::new(FakeClock::at(UnixSeconds(1_000)));
        let pool: PoolName = "Prod_MySQL".parse().expect("a name");
        let lease: LeaseId = "Zk3v9Qa1".parse().expect("an id");
        let ttl = Seconds(25);
        let (class, attempt) = (Class::Standard, None);
        let acquire = AcquireRequest { pool: pool.clone(), lease, ttl, class, attempt };
        for _ in 0..100 {
            let AcquireAnswer::Granted(granted) =
                bypass.acquire(&acquire).await.expect("an answer")
            else {
                panic!("refused")
            };
            assert_eq!((granted.lease, granted.expires_at), (lease, UnixSeconds(1_025)));
        }
        let renew = RenewRequest { pool: pool.clone(), lease, ttl, shard: None };
        let renewed = bypass.renew(&renew).await.expect("an answer");
        assert_eq!(renewed.expires_at, Some(UnixSeconds(1_025)));
        let release = ReleaseRequest { pool, lease, shard: None };
        assert!(bypass.release(&release).await.expect("an answer").released);
        assert_eq!(bypass.kind(), BackendKind::Bypass);
    }
}
