//! The counter: the one place where slots are decided about, one invoke a decision.
//!
//! [`Counter::answer`] is the whole function, but for Lambda: a payload in, a payload or a
//! [`CounterError`] out. [`lambda`] puts it behind the Lambda Runtime API.

mod counter;
mod error;
mod known;
pub mod lambda;
mod limiter;
mod metrics;

pub use counter::Counter;
pub use error::CounterError;
pub use limiter::Limiter;
