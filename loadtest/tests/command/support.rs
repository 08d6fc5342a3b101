//! A stand-in for the deployment, and the real command run against it.

use std::{
    net::SocketAddr,
    pin::pin,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use loadtest::report::{Report, Run};
use mysql_async::{Conn, Opts, prelude::Queryable};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, sync::Semaphore, task::JoinHandle};

/// A service on a free port; it ends when dropped.
pub(crate) struct Service {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Service {
    /// Serves a router.
    pub(crate) async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, task }
    }

    /// A service that keeps to the contract at `/some/base/path`: `slots` slots, each held for
    /// `hold`, and a 503 for all other requests.
    pub(crate) async fn with_slots(slots: usize, hold: Duration) -> Self {
        let slots = Arc::new(Semaphore::new(slots));
        let employees = move || {
            let slots = slots.clone();
            async move {
                let Ok(_slot) = slots.try_acquire() else {
                    return problem(503, "no-slot");
                };
                tokio::time::sleep(hold).await;
                "Selected 3 items from RDS MySQL table".into_response()
            }
        };
        Self::start(Router::new().route("/some/base/path/employees", get(employees))).await
    }

    /// One that always gives the same answer.
    pub(crate) async fn with_problem(status: u16, kind: &'static str) -> Self {
        Self::with_problem_after(Duration::ZERO, status, kind).await
    }

    /// As [`with_problem`](Self::with_problem), after this time.
    pub(crate) async fn with_problem_after(
        time: Duration,
        status: u16,
        kind: &'static str,
    ) -> Self {
        let employees = move || async move {
            tokio::time::sleep(time).await;
            problem(status, kind)
        };
        Self::start(Router::new().route("/employees", get(employees))).await
    }

    /// One that opens a connection to a real database for each request, holds it for 300 ms, and
    /// keeps no more of them open than it has slots.
    pub(crate) async fn with_database(slots: usize, opts: Opts) -> Self {
        let slots = Arc::new(Semaphore::new(slots));
        let employees = move || {
            let (slots, opts) = (slots.clone(), opts.clone());
            async move {
                let Ok(_slot) = slots.try_acquire() else {
                    return problem(503, "no-slot");
                };
                match hold(opts).await {
                    Ok(()) => "Selected 3 items from RDS MySQL table".into_response(),
                    Err(mysql_async::Error::Server(error)) if error.code == 1040 => {
                        problem(503, "connection-refused-by-server")
                    }
                    Err(_) => problem(502, "database-failed"),
                }
            }
        };
        Self::start(Router::new().route("/employees", get(employees))).await
    }

    /// The base URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that is opened, used and closed.
async fn hold(opts: Opts) -> mysql_async::Result<()> {
    let mut conn = Conn::new(opts).await?;
    conn.query_drop("DO SLEEP(0.3)").await?;
    conn.disconnect().await
}

/// A problem as the query function words it. 503s say when to come back.
fn problem(status: u16, kind: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let body = format!(r#"{{"type":"https://a.example/problems/{kind}","title":"{kind}"}}"#);
    let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, "1".parse().unwrap());
    }
    response
}

/// Runs the command with these arguments.
pub(crate) async fn loadtest(arguments: &[&str]) -> Output {
    command(arguments).output().await.unwrap()
}

/// The command with these arguments, not yet run.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).env_remove("LOADTEST_DATABASE").kill_on_drop(true);
    command
}

/// What it printed, for assertions and their messages.
pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A command that was run against a service, and the folder of its report.
pub(crate) struct Ran {
    pub(crate) output: Output,
    pub(crate) folder: TempDir,
}

impl Ran {
    /// Runs the command with these arguments, and has it write a report.
    pub(crate) async fn with(arguments: &[&str]) -> Self {
        Self::until(std::future::pending(), arguments).await
    }

    /// The same, but ended before its time, as by Ctrl-C, when this has happened.
    pub(crate) async fn until(happened: impl Future<Output = ()>, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("some/folder");
        let arguments = [arguments, &["--out", out.to_str().unwrap()]].concat();
        let mut command = command(&arguments);
        let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let process = Pid::from_raw(running.id().unwrap().try_into().unwrap());
        let mut output = pin!(running.wait_with_output());
        tokio::select! {
            biased;
            output = &mut output => return Self { output: output.unwrap(), folder },
            () = happened => kill(process, Signal::SIGINT).unwrap(),
        }
        Self { output: output.await.unwrap(), folder }
    }

    /// Its exit code.
    pub(crate) fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// What it printed.
    pub(crate) fn text(&self) -> String {
        printed(&self.output)
    }

    /// A file of its report.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("some/folder").join(name)).unwrap()
    }

    /// Its report.
    pub(crate) fn report(&self) -> Report {
        serde_json::from_str(&self.file("report.json")).unwrap()
    }

    /// The only run in its report.
    pub(crate) fn run(&self) -> Run {
        let [run] = self.report().runs.try_into().unwrap();
        run
    }
}
