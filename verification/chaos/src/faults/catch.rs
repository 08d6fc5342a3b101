//! Catching an instance in a short phase.

use std::time::{Duration, Instant};

use anyhow::Result;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};

use crate::control::{Hit, Instance};
use crate::run_context::RunContext;
use crate::server;
use crate::sockets::{connections_to, ports_of};

/// The longest wait for a matching call.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

const POLL: Duration = Duration::from_millis(20);

/// Applies `action` to the next `call` by `from`. Returns `None` if there was none in time.
pub(super) async fn next_call(
    context: &RunContext,
    from: &str,
    (call, moment): (&str, &str),
    action: Value,
) -> Result<Option<Hit>> {
    let rule = json!({
        "from": from, "call": call, "moment": moment, "action": action, "times": 1
    });
    let rule = context.control.rule(&rule).await?;
    let since = Instant::now();
    let mut hit = None;
    while hit.is_none() && since.elapsed() < CALL_TIMEOUT {
        tokio::time::sleep(POLL).await;
        hit = context.control.hits(rule).await?.pop();
    }
    context.control.remove_rule(rule).await?;
    // The rule may have matched just before its removal.
    match hit {
        Some(hit) => Ok(Some(hit)),
        None => Ok(context.control.hits(rule).await?.pop()),
    }
}

/// Makes the login last: every client but a superuser runs `init_connect` after it, before its own statements
/// (<https://mariadb.com/kb/en/server-system-variables/#init_connect>).
const SLOW_LOGIN: &str = "DO SLEEP(0.3)";

/// The longest wait for a login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Several samples of the server's list of threads, and less than [`SLOW_LOGIN`].
const LOGIN_POLL: Duration = Duration::from_millis(80);

/// Catches a query between its login, which normally takes less than a millisecond, and its session limits.
/// Returns `None` also when the server is down.
pub(super) async fn login(context: &RunContext) -> Result<Option<Instance>> {
    let Ok(mut conn) = Conn::new(server::observer(&context.stack)).await else { return Ok(None) };
    if init_connect(&mut conn, SLOW_LOGIN).await.is_err() {
        return Ok(None);
    }
    let caught = slow_login(context).await;
    // Fails if the server was restarted meanwhile, which resets the variable too.
    let _ = init_connect(&mut conn, "").await;
    let _ = conn.disconnect().await;
    caught
}

async fn init_connect(conn: &mut Conn, statement: &str) -> Result<(), mysql_async::Error> {
    conn.query_drop(format!("SET GLOBAL init_connect = '{statement}'")).await
}

/// Finds a client that has been connected for a while, and that the server does not list as logged in.
async fn slow_login(context: &RunContext) -> Result<Option<Instance>> {
    let since = Instant::now();
    let mut before = connections_to(context.stack.mysql.port);
    while since.elapsed() < LOGIN_TIMEOUT {
        tokio::time::sleep(LOGIN_POLL).await;
        let now = connections_to(context.stack.mysql.port);
        let listed = context.server.threads();
        let mut slow = now.clone();
        slow.retain(|inode, port| {
            before.contains_key(inode) && listed.iter().all(|thread| thread.port != *port)
        });
        if !slow.is_empty() {
            let mut instances = context.queries().await?.into_iter();
            let owner = instances.find(|one| !ports_of(one.pid, &slow).is_empty());
            if owner.is_some() {
                return Ok(owner);
            }
        }
        before = now;
    }
    Ok(None)
}
