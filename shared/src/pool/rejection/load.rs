//! How contended the slots are, and how much load the table takes.

use std::time::Duration;

use rand::RngExt;

use super::Tuning;

/// Estimates of the contention for slots, from this instance's own acquires.
///
/// Slots spread evenly over instances, so an instance's own ratio of acquires to grants is also that of
/// the whole fleet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contention {
    calls: f64,
    grants: f64,
    rivals: f64,
    called_at: Duration,
}

impl Contention {
    /// Begins as if one acquire had been granted: only several rejections indicate overload.
    pub(super) fn new(tuning: &Tuning) -> Self {
        Self { calls: 1.0, grants: 1.0, rivals: tuning.rivals, called_at: Duration::ZERO }
    }

    /// Counts an acquire. Forgets an overload after a time in which every rejected caller would have
    /// returned.
    pub(super) fn count_call(&mut self, now: Duration, tuning: &Tuning) {
        if now.saturating_sub(self.called_at) >= tuning.max_retry_after * 2 {
            *self = Self::new(tuning);
        }
        self.called_at = now;
        let kept = 1.0 - 1.0 / tuning.contention_window;
        self.calls = self.calls * kept + 1.0;
        self.grants *= kept;
    }

    pub(super) fn count_grant(&mut self, granted: bool) {
        self.grants += f64::from(u8::from(granted));
    }

    /// Records that an attempt after a peek won or lost its slot.
    pub(super) fn end_race(&mut self, won: bool, tuning: &Tuning) {
        let step = if won { -tuning.rival_step / 3.0 } else { tuning.rival_step };
        let most = tuning.contention_window;
        self.rivals = (self.rivals * (1.0 + step)).clamp(1.0 / most, most);
    }

    /// Acquires per grant, at least 1.
    fn ratio(&self) -> f64 {
        (self.calls / self.grants.max(f64::EPSILON)).max(1.0)
    }

    /// Returns the estimated number of other instances that see the same free slots: none while every
    /// acquire is granted.
    pub(super) fn rivals(&self) -> f64 {
        self.rivals * (1.0 - 1.0 / self.ratio())
    }

    /// Returns the share of acquires that may peek at a full shard: 1 without overload.
    pub(super) fn peek_share(&self, tuning: &Tuning) -> f64 {
        (f64::from(tuning.peeks_per_slot) / self.ratio()).min(1.0)
    }

    pub(super) fn is_overload(&self, tuning: &Tuning) -> bool {
        self.peek_share(tuning) < 1.0
    }
}

/// The share of acquires that may send requests while the table throttles.
///
/// Acquires and releases share an item's 1,000 writes per second. The share halves with each throttled
/// request and doubles with each [`throttle_recovery`](Tuning::throttle_recovery) that passes, whether
/// there are acquires or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThrottleBackoff {
    share: f64,
    changed_at: Duration,
}

impl Default for ThrottleBackoff {
    fn default() -> Self {
        Self { share: 1.0, changed_at: Duration::ZERO }
    }
}

impl ThrottleBackoff {
    pub(super) fn admits(&mut self, now: Duration, tuning: &Tuning, rng: &mut impl RngExt) -> bool {
        self.recover(now, tuning);
        rng.random_bool(self.share)
    }

    /// Halves the share, down to a floor that recovers fully within the cooldown.
    pub(super) fn throttled(&mut self, now: Duration, tuning: &Tuning) {
        self.recover(now, tuning);
        let is_new = now.saturating_sub(self.changed_at) >= tuning.throttle_window;
        if self.share >= 1.0 || is_new {
            let doublings = tuning.cooldown.div_duration_f64(tuning.throttle_recovery);
            (self.share, self.changed_at) = ((self.share / 2.0).max((-doublings).exp2()), now);
        }
    }

    fn recover(&mut self, now: Duration, tuning: &Tuning) {
        while self.share < 1.0 && now.saturating_sub(self.changed_at) >= tuning.throttle_recovery {
            self.share = (self.share * 2.0).min(1.0);
            self.changed_at = self.changed_at.saturating_add(tuning.throttle_recovery);
        }
    }
}
