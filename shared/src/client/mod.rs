//! Taking a slot, from the holder's side.
//!
//! [`Admission::with_slot`] is the one way to get a slot: it takes it, runs a closure that holds it,
//! and gives it back on every way out of that closure: value, error, panic, timeout, or the whole
//! future dropped.

mod bypass;
mod counter;
mod direct;
mod give_back;
mod held;
mod scope;
mod slot;
mod via;

pub use bypass::Bypass;
pub use counter::{Counter, CounterError, LambdaCounter};
pub use give_back::GivenBack;
pub(crate) use held::Holding;
pub use held::{Held, Woken};
pub use scope::{Admission, AdmissionError, Admitted, Phase};
pub(crate) use scope::{Ended, Taken, within, work_ends};
pub use slot::{ConnectionToken, Slot, SlotError};
pub use via::{Door, InvalidVia, Via};
