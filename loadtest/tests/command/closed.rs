//! A closed output, as with `loadtest schema | head -1`, does not change the exit code.

use std::{
    io::{BufRead as _, BufReader, pipe},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::task::spawn_blocking;

use crate::support::{Service, command, printed};

/// A closed pipe.
fn closed() -> Stdio {
    let (_, writer) = pipe().unwrap();
    writer.into()
}

/// Runs the command with these outputs.
async fn ended(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Output {
    // `output` would read both itself.
    let running = command(arguments).stdout(stdout).stderr(stderr).spawn().unwrap();
    running.wait_with_output().await.unwrap()
}

#[tokio::test]
async fn a_closed_output_is_no_failure() {
    let output = ended(&["schema"], closed(), Stdio::piped()).await;
    assert_eq!((output.status.code(), &*printed(&output)), (Some(0), ""));
}

#[tokio::test]
async fn an_error_keeps_its_code_with_a_closed_output() {
    let arguments = ["page", "/no/such/report.json"];
    let output = ended(&arguments, Stdio::piped(), closed()).await;
    assert_eq!(output.status.code(), Some(2));
}

/// Goose prints a line when its users have started. Only that line is read, as by `head -1`.
#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_keeps_its_code_with_a_closed_output() {
    let passes = Service::with_slots(60, Duration::from_millis(10)).await;
    let fails = Service::with_problem(502, "database-failed").await;
    let (passes, fails) = (passes.url("/some/base/path"), fails.url(""));
    for (host, code) in [(passes, 0), (fails, 1)] {
        let (reader, writer) = pipe().unwrap();
        let head = spawn_blocking(move || BufReader::new(reader).read_line(&mut String::new()));
        let arguments = ["--host", &host, "--users=5", "--duration=1"];
        let output = ended(&arguments, writer.into(), closed()).await;
        assert_eq!(output.status.code(), Some(code), "{host}");
        assert!(head.await.unwrap().unwrap() > 0);
    }
}
