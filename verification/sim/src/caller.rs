//! Callers and clients.

use std::time::Duration;

use rds_admission::pool::LeaseId;
use rds_admission::pool::rejection::ShardProbe;
use rds_admission::pool::warm::FillLevel;
use rds_admission::time::UnixSeconds;

/// A caller.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Whose call it is, where clients come back.
    pub(crate) client: Option<usize>,
    /// The container that it is in, where that decides; else the counter that it is at.
    pub(crate) instance: Option<usize>,
    /// The query's instance that serves it, if the scenario has instances.
    pub(crate) holder: Option<usize>,
    /// Its lease: another one each time that it asks.
    pub(crate) lease: LeaseId,
    /// When the lease expires.
    pub(crate) until: UnixSeconds,
    /// When it ends, as the holder reckons.
    pub(crate) lease_ends: Duration,
    /// The fill level of its item from the last write of the lease.
    pub(crate) fill_level: Option<FillLevel>,
    /// Whether it asks for more time under the lease that it has.
    pub(crate) renews: bool,
    /// The item that its lease is in, or that it is at.
    pub(crate) item: usize,
    /// Items that it was sent to, by the plain algorithm.
    pub(crate) tried: usize,
    /// Its progress through the items, by the cached one.
    pub(crate) probe: Option<ShardProbe>,
    /// When it came.
    pub(crate) arrived: Duration,
    /// When it asked, the last time.
    pub(crate) asked: Duration,
    /// How long it works with its slot.
    pub(crate) work: Duration,
    /// When its work ended.
    pub(crate) ended: Duration,
    /// How often it was refused.
    pub(crate) refusals: u32,
    /// How often the request under way was throttled.
    pub(crate) throttled: u32,
}

/// A client of a closed loop.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Client {
    /// Slots that it was granted.
    pub(crate) grants: u32,
    /// Calls that were refused since the last one.
    pub(crate) refused: u32,
    /// When it was granted the last one, or began.
    pub(crate) since: Duration,
}
