//! The `slots` binary.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    slots::run(std::env::args_os()).await
}
