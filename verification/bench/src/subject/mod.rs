//! What is measured.

mod bare_count;
mod bare_update;
mod decided;
mod handler;
mod invoke;
mod own_writes;
mod protocol;

pub use bare_count::BareCount;
pub use bare_update::BareUpdate;
pub use decided::Decided;
pub use handler::{Handler, log_to_nowhere};
pub use invoke::{Invoke, InvokeNothing};
pub use own_writes::{OwnWrites, Step};

use anyhow::Result;
use futures::future::BoxFuture;

/// Something that decides, or the floor below it.
pub trait Subject: Send + Sync {
    /// One decision for this caller: a slot is taken and given back, or refused.
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>>;
}

/// What every caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A slot, which it gives back at once.
    Pair,
    /// A slot, which it does not get.
    Refusal,
}
