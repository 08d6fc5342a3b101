//! Catching a holder between its login and its limits. By itself this takes less than a millisecond;
//! the server can be made to linger there.

use std::time::{Duration, Instant};

use anyhow::Result;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

use crate::control::Instance;
use crate::scene::Scene;
use crate::sockets::{connections_to, ports_of};

/// What every client but a superuser runs after its login, and before anything that it asks for
/// (<https://mariadb.com/kb/en/server-system-variables/#init_connect>).
const LINGER: &str = "DO SLEEP(0.3)";

/// How long somebody is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

const LOOK: Duration = Duration::from_millis(10);

/// A query that has logged in and waits for the server to hear its limits. `None` also when the server
/// is away just now.
pub(super) async fn logging_in(scene: &Scene) -> Result<Option<Instance>> {
    let Ok(mut conn) = Conn::new(scene.stack.observer()).await else { return Ok(None) };
    if linger(&mut conn, LINGER).await.is_err() {
        return Ok(None);
    }
    let caught = catch(scene).await;
    // A server that was restarted meanwhile does not linger any more.
    let _ = linger(&mut conn, "").await;
    let _ = conn.disconnect().await;
    caught
}

async fn linger(conn: &mut Conn, statement: &str) -> Result<(), mysql_async::Error> {
    conn.query_drop(format!("SET GLOBAL init_connect = '{statement}'")).await
}

async fn catch(scene: &Scene) -> Result<Option<Instance>> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let threads = scene.server.threads();
        let lingers = threads.iter().find(|one| one.statement.as_deref() == Some(LINGER));
        if let Some(port) = lingers.map(|thread| thread.port) {
            let connections = connections_to(scene.stack.mysql.port);
            let mut instances = scene.queries().await?.into_iter();
            let owner = instances.find(|one| ports_of(one.pid, &connections).contains(&port));
            if owner.is_some() {
                return Ok(owner);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}
