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

/// Some samples of the server's list of threads, and less than a login lingers.
const A_WHILE: Duration = Duration::from_millis(80);

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

/// A client that has been connected for a while and is not on the server's list of threads, which has
/// only those who are through with their login.
async fn catch(scene: &Scene) -> Result<Option<Instance>> {
    let since = Instant::now();
    let mut before = connections_to(scene.stack.mysql.port);
    while since.elapsed() < PATIENCE {
        tokio::time::sleep(A_WHILE).await;
        let now = connections_to(scene.stack.mysql.port);
        let listed = scene.server.threads();
        let mut lingering = now.clone();
        lingering.retain(|inode, port| {
            before.contains_key(inode) && listed.iter().all(|thread| thread.port != *port)
        });
        if !lingering.is_empty() {
            let mut instances = scene.queries().await?.into_iter();
            let owner = instances.find(|one| !ports_of(one.pid, &lingering).is_empty());
            if owner.is_some() {
                return Ok(owner);
            }
        }
        before = now;
    }
    Ok(None)
}
