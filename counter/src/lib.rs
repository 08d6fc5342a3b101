//! The counter: the one place where slots are decided about, one invoke a decision.
//!
//! [`Counter::answer`] is the whole function, but for Lambda: a payload in, a payload or a
//! [`CounterError`] out. [`lambda`] puts it behind the Lambda Runtime API.

mod answer;
mod error;
mod known;
pub mod lambda;
mod limiter;
mod measured;
mod outcome;

pub use answer::{Answered, Counter};
pub use error::CounterError;
pub use limiter::Limiter;
pub use outcome::Outcome;
