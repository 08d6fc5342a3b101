//! What is said to the counter: the payload of an invoke, and of its answer.
//!
//! Two protocols share the one function. The article's (`incrementCounter`, bare `true` or `false`) is
//! kept to the letter for the clients that speak it; the lease protocol (`op`) is what the library
//! speaks.

mod answer;
mod fields;
mod request;

pub use answer::{
    AcquireAnswer, Answer, Granted, Reason, Refused, ReleaseAnswer, RenewAnswer, StatusAnswer,
    SweepAnswer,
};
pub use request::{AcquireRequest, InvalidRequest, ReleaseRequest, RenewRequest, Request};

/// The types of Lambda error that the counter answers with, as `errorType`.
pub mod error_type {
    /// The payload is not a request; the message names the field. Nothing was changed.
    pub const INVALID_REQUEST: &str = "InvalidRequest";
    /// There is no such pool.
    pub const UNKNOWN_POOL: &str = "UnknownPool";
    /// The table did not answer, or not sensibly. Whether something was changed is not known.
    pub const STORE_UNAVAILABLE: &str = "StoreUnavailable";
}
