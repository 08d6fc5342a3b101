//! A counter that never rejects.

use std::future::ready;
use std::num::NonZeroU32;

use rds_admission::backend::{Backend, BackendFuture, BackendKind};
use rds_admission::pool::warm::FillLevel;
use rds_admission::time::UnixSeconds;
use rds_admission::wire::{
    AcquireAnswer, AcquireRequest, Granted, ReleaseAnswer, ReleaseRequest, RenewAnswer,
    RenewRequest,
};

/// Grants and renews every request, in a pool that is nearly empty.
pub(crate) struct Room;

/// Not read: holders time their leases with their own clocks.
const EXPIRES_AT: UnixSeconds = UnixSeconds(0);

fn nearly_empty() -> FillLevel {
    FillLevel { in_use: 1, standard_limit: NonZeroU32::new(60).expect("not 0") }
}

impl Backend for Room {
    fn kind(&self) -> BackendKind {
        BackendKind::Counter
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        Box::pin(ready(Ok(AcquireAnswer::Granted(Granted {
            lease: request.lease,
            expires_at: EXPIRES_AT,
            shard: None,
            in_use: 1,
            max_connections: 62,
            taken_over: 0,
            fill_level: Some(nearly_empty()),
        }))))
    }

    fn renew<'a>(&'a self, _: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        let (expires_at, fill_level) = (Some(EXPIRES_AT), Some(nearly_empty()));
        Box::pin(ready(Ok(RenewAnswer { renewed: true, expires_at, fill_level })))
    }

    fn release<'a>(&'a self, _: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(ready(Ok(ReleaseAnswer { released: true, in_use: 0 })))
    }
}
