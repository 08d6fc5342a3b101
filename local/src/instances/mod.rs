//! Runs functions as AWS does: processes over the Runtime API that stay for the next
//! invocation, one invocation each at a time.
//!
//! MiniStack starts a process for each invocation of a custom runtime and ends it right after.
//! Connections, caches and rate limits that live across invocations would never be seen at
//! work, and neither would a process that dies in the middle.

mod catalog;
mod code;
mod environment;
mod fleet;
mod freeze;
mod function;
mod host;
mod instance;
mod interruptions;
mod life;
mod outcome;
mod runtime_api;

pub use fleet::InstanceInfo;
pub use function::{Code, Concurrency, Configuration, Environment, FunctionRecord};
pub use host::{Event, Host, HostOptions};
pub use instance::{Instance, InstanceState};
pub use interruptions::Interruptions;
pub use outcome::{Outcome, Refusal};
pub use runtime_api::{INSTANCES_PATH, RUNTIME_PATH, router};
pub(crate) use runtime_api::{PAYLOAD_LIMIT, list, trace_id};
