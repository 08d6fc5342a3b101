//! The holder's side: acquires a slot, runs a closure under it, and releases it.
//!
//! [`Admission::with_slot`] is the one way to get a slot. It releases the slot however the closure ends: by a value, an
//! error, a panic, a timeout, or because the whole future is dropped.

mod release;
mod report;
mod scope;
mod slot;

pub use release::ReleaseOutcome;
pub use report::{Reported, Resumed, SlotReport};
pub use scope::{Admission, AdmissionError, Phase};
pub(crate) use scope::{HeldSlot, within, work_deadline};
pub use slot::{ConnectionToken, Slot, SlotError};
