//! A real server with the table of the AWS article, behind a relay that forwards the close late.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use local::{MariaDb, MariaDbOptions};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::relay::Relay;

/// The server, in a folder of its own.
pub(crate) struct Server {
    mariadb: MariaDb,
    relay: Relay,
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = MariaDbOptions::new(folder.path().join("mariadb"));
        let mariadb = MariaDb::start(options).await.expect("a server");
        let mut admin = Conn::new(mariadb.admin_opts()).await.expect("a connection");
        admin.query_drop("CREATE TABLE Employees (EmployeeID int)").await.expect("a table");
        admin.disconnect().await.expect("disconnected");
        let relay = Relay::to(mariadb.port()).await;
        Self { mariadb, relay, _folder: folder }
    }

    /// Returns the number of connections that are open from the view of their clients.
    pub(crate) fn open(&self) -> Arc<AtomicUsize> {
        self.relay.open()
    }

    pub(crate) fn database(&self) -> &str {
        self.mariadb.database()
    }

    /// Returns a secret with valid credentials for `database`.
    pub(crate) fn secret(&self, database: &str) -> Value {
        let admin = self.mariadb.admin();
        json!({
            "username": admin.user(), "password": admin.password(),
            "host": "127.0.0.1", "port": self.relay.port(), "dbname": database,
        })
    }

    pub(crate) async fn observer(&self) -> Conn {
        Conn::new(self.mariadb.observer_opts()).await.expect("an observer")
    }

    /// Returns the number of the service's connections on the server, logged in or not.
    pub(crate) async fn connections(&self, observer: &mut Conn) -> u64 {
        let count = format!(
            "SELECT COUNT(*) FROM information_schema.processlist \
             WHERE user IN ('{}', 'unauthenticated user')",
            self.mariadb.admin().user()
        );
        observer.query_first(count).await.expect("an answer").expect("a row")
    }
}
