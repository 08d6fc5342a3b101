//! The command: reads its arguments, does it, and exits with how it ended.

use std::process::ExitCode;

use rds_admission::telemetry::report_panics;
use slots::{Args, COULD_NOT, Ending, FOUND, Voice, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Of tasks in the background: one that the command waits for is its error.
    report_panics(Voice::trouble);
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => return Voice::misunderstood(&error),
    };
    match run(&args).await {
        Ok(Ending::Good) => ExitCode::SUCCESS,
        Ok(Ending::Bad) => ExitCode::from(FOUND),
        Err(error) => {
            Voice::of(&args).sorry(&error);
            ExitCode::from(COULD_NOT)
        }
    }
}
