//! How a slot was held.

use std::time::Duration;

use super::GivenBack;
use crate::pool::LeaseId;

/// How a slot was held: for the holder's log.
#[derive(Debug)]
pub struct Held {
    /// The lease's id.
    pub lease: LeaseId,
    /// How long it took to get the slot, the waiting for one included.
    pub acquire: Duration,
    /// How often it was refused before that, by a caller that waits.
    pub refusals: u32,
    /// How long the closure ran.
    pub work: Duration,
    /// How long it took to give the slot back, or to make it ready to be kept.
    pub release: Duration,
    /// Whether it came back.
    pub given_back: GivenBack,
    /// Slots out when this one was granted, itself included.
    pub in_use: u32,
    /// Slots of the pool.
    pub max_connections: u32,
    /// What became of the slot and the connection that had been kept for this, if they were.
    pub woken: Option<Woken>,
}

/// How a slot was used that had been kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woken {
    /// Its lease was renewed first.
    pub renewed: bool,
    /// Its connection could not be used any more, so that another one had to be opened.
    pub replaced: bool,
}
