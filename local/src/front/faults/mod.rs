//! Fault injection: rules for the functions' calls of AWS, which all pass through the front door. A rule delays a call,
//! replaces its answer, or kills or freezes the caller.

mod call;
mod registry;
mod rule;

pub(super) use call::Call;
pub(super) use registry::{Caller, FaultRegistry};
pub(super) use rule::{Moment, Rule};
