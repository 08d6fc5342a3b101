//! The Lambda API as the host sees it, with one function whose record the test sets, and the
//! host in front of it.

use std::io::{Cursor, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use local::instances::{self, Event, Host, HostOptions, Outcome, Refusal};
use nix::sys::stat::Mode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The one function there is.
pub(crate) const FUNCTION: &str = "fake";

/// What the function's record says beside the usual.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) revision: &'static str,
    pub(crate) timeout: u32,
    pub(crate) reserved: Option<u32>,
    pub(crate) init: &'static str,
}

impl Default for Record {
    fn default() -> Self {
        Self { revision: "1", timeout: 60, reserved: None, init: "works" }
    }
}

/// A host with the fake function behind it.
pub(crate) struct FakeLambda {
    pub(crate) host: Host,
    dir: TempDir,
    record: Arc<Mutex<Record>>,
}

impl FakeLambda {
    pub(crate) async fn with(record: Record) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let record = Arc::new(Mutex::new(record));
        let api = listener().await;
        let api_url = url(&api);
        let state = (api_url.clone(), Arc::clone(&record));
        let routes = Router::new()
            .route("/2015-03-31/functions/{name}", get(get_function))
            .route("/code", get(|| async { code() }))
            .with_state(state);
        spawn(api, routes);

        let runtime = listener().await;
        let host = Host::new(HostOptions {
            lambda_api: api_url,
            aws_endpoint: "http://127.0.0.1:9".to_owned(),
            runtime_api: format!("{}{}", url(&runtime), instances::RUNTIME_PATH),
            code: dir.path().join("code"),
            logs: dir.path().join("logs"),
        })
        .unwrap();
        spawn(runtime, instances::router(host.clone()));
        Self { host, dir, record }
    }

    pub(crate) async fn new() -> Self {
        Self::with(Record::default()).await
    }

    /// From now on, this is the function's record.
    pub(crate) fn set(&self, record: Record) {
        *self.record.lock().unwrap() = record;
    }

    pub(crate) async fn invoke(&self, payload: Value) -> Result<Outcome, Refusal> {
        let event = Event { payload: payload.to_string().into(), trace_id: Some("t-1".to_owned()) };
        self.host.invoke(FUNCTION, event).await
    }

    /// What the function answers to `payload`.
    pub(crate) async fn answer(&self, payload: Value) -> Value {
        match self.invoke(payload).await {
            Ok(Outcome::Answer(body)) => serde_json::from_slice(&body).unwrap(),
            other => panic!("no answer: {other:?}"),
        }
    }

    /// How the function fails at `payload`.
    pub(crate) async fn failure(&self, payload: Value) -> Value {
        match self.invoke(payload).await {
            Ok(Outcome::Failure(body)) => serde_json::from_slice(&body).unwrap(),
            other => panic!("no failure: {other:?}"),
        }
    }

    /// A gate that holds an invocation.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        Gate::new(self.dir.path(), name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.path().join("logs").join(FUNCTION)
    }
}

/// A named pipe: an invocation with `{"wait": path}` stands at it until it is passed.
pub(crate) struct Gate(PathBuf);

impl Gate {
    fn new(dir: &Path, name: &str) -> Self {
        let path = dir.join(name);
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        Self(path)
    }

    pub(crate) fn event(&self) -> Value {
        json!({"wait": self.0})
    }

    /// Waits for the invocation at the gate, and lets it through.
    pub(crate) async fn pass(self) {
        let open = move || std::fs::OpenOptions::new().write(true).open(self.0).unwrap();
        tokio::task::spawn_blocking(open).await.unwrap();
    }
}

async fn get_function(
    State((url, record)): State<(String, Arc<Mutex<Record>>)>,
    UrlPath(name): UrlPath<String>,
) -> Response {
    if name != FUNCTION {
        return StatusCode::NOT_FOUND.into_response();
    }
    let record = record.lock().unwrap().clone();
    let mut answer = json!({
        "Configuration": {
            "FunctionName": FUNCTION, "FunctionArn": format!("arn:aws:lambda:::{FUNCTION}"),
            "RevisionId": record.revision, "CodeSha256": "one/and+only=",
            "Handler": "bootstrap", "Timeout": record.timeout, "MemorySize": 128,
            "Environment": {"Variables": {"INIT": record.init}}
        },
        "Code": {"Location": format!("{url}/code")}
    });
    if let Some(reserved) = record.reserved {
        answer["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
    }
    Json(answer).into_response()
}

fn code() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let executable = SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", executable).unwrap();
    zip.write_all(include_bytes!("fake_runtime.py")).unwrap();
    zip.finish().unwrap().into_inner()
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

pub(crate) fn url(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

pub(crate) fn spawn(listener: TcpListener, routes: Router) {
    tokio::spawn(async move { axum::serve(listener, routes).await });
}
