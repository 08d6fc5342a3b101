//! The counter Lambda: answers one request per invocation.
//!
//! [`Counter::answer`] does not depend on Lambda: it takes a request and returns an answer or a [`CounterError`].
//! [`lambda`] serves it on the Lambda Runtime API.

mod counter;
pub mod lambda;
mod limiter;
mod metrics;

pub use counter::{Counter, CounterError};
pub use limiter::Limiter;
