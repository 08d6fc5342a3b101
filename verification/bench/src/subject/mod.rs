//! What is measured.

mod bare;
mod counter;
mod own_writes;

pub use bare::{BareCount, BareUpdate};
pub use counter::{Handler, Invoke, InvokeNothing, log_to_nowhere};
pub use own_writes::{OwnWrites, Step};

use std::sync::Arc;

use anyhow::{Result, ensure};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rds_admission::pool::LeaseId;

use crate::decider::Decider;
use crate::pools::Pools;

/// An operation whose time is measured.
pub trait Subject: Send + Sync {
    /// Runs the operation once for a caller.
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>>;
}

/// The operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An acquire that is granted, then the release.
    Pair,
    /// An acquire that is rejected.
    Rejection,
}

/// The operation by a [`Decider`].
pub struct Decided {
    decider: Arc<dyn Decider>,
    pools: Pools,
    operation: Operation,
}

impl Decided {
    /// The operation on `pools`, by `decider`.
    #[must_use]
    pub fn new(decider: Arc<dyn Decider>, pools: Pools, operation: Operation) -> Self {
        Self { decider, pools, operation }
    }
}

impl Subject for Decided {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            let (pool, lease) = (self.pools.of(caller), LeaseId::random(&mut rand::rng()));
            let slot = self.decider.acquire(pool, lease).await?;
            ensure!(slot.is_some() == (self.operation == Operation::Pair), "granted: {slot:?}");
            if let Some(slot) = slot {
                ensure!(self.decider.release(pool, slot).await?, "the lease was not held");
            }
            Ok(())
        }
        .boxed()
    }
}
