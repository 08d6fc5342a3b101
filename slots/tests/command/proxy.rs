//! A proxy before the table that can answer in its place, like IAM when it denies.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Status and body of the responses to an operation, by its `X-Amz-Target`.
type Answers = Arc<Mutex<HashMap<&'static str, (u16, String)>>>;

/// An endpoint that forwards to the table, except operations with a response of its own.
pub(crate) struct AwsProxy {
    pub(crate) endpoint: String,
    answers: Answers,
}

impl AwsProxy {
    pub(crate) async fn start(table: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let table = table.strip_prefix("http://").expect("an address").to_owned();
        let answers = Answers::default();
        let response = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, table.clone(), Arc::clone(&response)));
            }
        });
        Self { endpoint, answers }
    }

    /// Sets the response to `operation`.
    pub(crate) fn respond(&self, operation: &'static str, status: u16, body: &Value) {
        lock(&self.answers).insert(operation, (status, body.to_string()));
    }

    /// Makes `operation` fail as if it were not permitted.
    pub(crate) fn deny(&self, operation: &'static str) {
        let kind = "com.amazon.coral.service#AccessDeniedException";
        let message = format!("User: oncall is not authorized to perform: {operation}");
        self.respond(operation, 400, &json!({"__type": kind, "Message": message}));
    }

    /// Forwards `operation` again.
    pub(crate) fn allow(&self, operation: &'static str) {
        lock(&self.answers).remove(operation);
    }
}

fn lock(answers: &Answers) -> MutexGuard<'_, HashMap<&'static str, (u16, String)>> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(client: TcpStream, table: String, answers: Answers) -> Option<()> {
    let mut client = BufReader::new(client);
    let mut table = BufReader::new(TcpStream::connect(table).await.ok()?);
    loop {
        let (head, request) = message(&mut client).await?;
        let operation = header(&head, "x-amz-target")?.rsplit('.').next()?;
        let response = lock(&answers).iter().find_map(|(name, answer)| {
            name.eq_ignore_ascii_case(operation).then(|| answer.clone())
        });
        let answer = if let Some((status, body)) = response {
            let length = body.len();
            format!("HTTP/1.1 {status} Set\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
        } else {
            table.write_all(&request).await.ok()?;
            message(&mut table).await?.1
        };
        client.write_all(&answer).await.ok()?;
    }
}

/// Reads an HTTP message; returns its head in lower case, and the whole.
async fn message(from: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if from.read_until(b'\n', &mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = header(&head, "content-length").map_or(Some(0), |length| length.parse().ok())?;
    let body = bytes.len();
    bytes.resize(body + length, 0);
    from.read_exact(&mut bytes[body..]).await.ok()?;
    Some((head, bytes))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::trim)
}
