//! Runs functions as AWS Lambda does: processes over the Runtime API, reused, each with one invocation at a time.
//!
//! MiniStack would start a process for each invocation and end it afterwards. Connections, caches and rate limits that
//! live across invocations, and processes that crash in one, would never be tested.

mod catalog;
mod environment;
mod fleet;
mod host;
mod instance;
mod life;
mod outcome;
mod runtime_api;

pub use host::{Event, Host, HostOptions};
pub(crate) use instance::Instance;
pub use instance::{InstanceInfo, InstanceState};
pub use outcome::{Outcome, Refusal};
pub(crate) use runtime_api::{INSTANCES_PATH, PAYLOAD_LIMIT, list, trace_id};
pub use runtime_api::{RUNTIME_PATH, router};
