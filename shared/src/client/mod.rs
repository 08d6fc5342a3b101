//! The holder's side: acquires a slot, runs a closure under it, and releases it.
//!
//! [`Admission::with_slot`] is the one way to get a slot. It releases the slot however the closure ends: by a value, an
//! error, a panic, a timeout, or because the whole future is dropped.

mod held;
mod release;
mod scope;
mod slot;

pub(crate) use held::Holding;
pub use held::{Held, Woken};
pub use release::ReleaseOutcome;
pub use scope::{Admission, AdmissionError, Admitted, Phase};
pub(crate) use scope::{Ended, HeldSlot, within, work_ends};
pub use slot::{ConnectionToken, Slot, SlotError};
