//! The load test's command.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    loadtest::main().await
}
