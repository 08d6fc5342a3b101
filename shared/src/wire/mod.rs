//! The counter's protocols: payloads of invocations and of their answers.
//!
//! The article's protocol (`incrementCounter`, answered with bare `true` or `false`) is kept for its existing clients.
//! The library uses the lease protocol (`op`).

mod answer;
mod fields;
mod request;

pub use answer::{
    AcquireAnswer, Answer, Granted, Reason, Refused, ReleaseAnswer, RenewAnswer, StatusAnswer,
    SweepAnswer,
};
pub use request::{AcquireRequest, InvalidRequest, ReleaseRequest, RenewRequest, Request};

/// The counter's own values of a Lambda error's `errorType`.
pub mod error_type {
    /// The payload is not a request; the message names the field. Nothing was changed.
    pub const INVALID_REQUEST: &str = "InvalidRequest";
    /// The pool does not exist.
    pub const UNKNOWN_POOL: &str = "UnknownPool";
    /// The table did not answer, or its answer was unusable. The request may have taken effect.
    pub const STORE_UNAVAILABLE: &str = "StoreUnavailable";
}
