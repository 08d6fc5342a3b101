//! One module a subcommand.

pub(crate) mod down;
pub(crate) mod run;
pub(crate) mod serve;
mod signals;
pub(crate) mod status;
pub(crate) mod up;

use local::StackInfo;

/// What the user is told once the stack answers.
fn summary(info: &StackInfo, json: &std::path::Path) -> String {
    format!(
        "The stack is up: {}\n  AWS APIs  {}\n  described in {}",
        info.api_url,
        info.aws_endpoint,
        json.display()
    )
}
