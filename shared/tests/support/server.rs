//! A real server, in a folder of its own.
#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use local::{MariaDb, MariaDbOptions};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::secret::Credentials;
use rds_admission::session::{SessionOptions, Tls};
use tempfile::TempDir;

/// A server, and the service's account on it.
pub(crate) struct Server {
    pub(crate) mariadb: MariaDb,
    pub(crate) folder: TempDir,
}

impl Server {
    pub(crate) async fn start(
        change: impl FnOnce(MariaDbOptions, &TempDir) -> MariaDbOptions,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = change(MariaDbOptions::new(folder.path().join("mariadb")), &folder);
        let mariadb = MariaDb::start(options).await.expect("a server");
        Self { mariadb, folder }
    }

    pub(crate) async fn plain() -> Self {
        Self::start(|options, _| options).await
    }

    pub(crate) fn credentials(&self) -> Credentials {
        let admin = self.mariadb.admin();
        Credentials {
            username: admin.user().to_owned(),
            password: admin.password().to_owned().into(),
            host: "127.0.0.1".to_owned(),
            port: self.mariadb.port(),
            database: Some(self.mariadb.database().to_owned()),
        }
    }

    pub(crate) async fn observer(&self) -> Conn {
        Conn::new(self.mariadb.observer_opts()).await.expect("an observer")
    }

    /// The connections of the service that the server knows of.
    pub(crate) async fn connections(&self, observer: &mut Conn) -> u64 {
        let count = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{}'",
            self.mariadb.admin().user()
        );
        observer.query_first(count).await.expect("an answer").expect("a row")
    }

    /// Waits until the server has no connection of the service any more.
    pub(crate) async fn is_left_alone(&self) {
        self.settles_at(0).await;
    }

    /// Waits until the server has exactly this number of them.
    pub(crate) async fn settles_at(&self, connections: u64) {
        let mut observer = self.observer().await;
        let settled = async {
            while self.connections(&mut observer).await != connections {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.expect("the connections end");
        observer.disconnect().await.expect("disconnected");
    }
}

/// The options of a session with a server without TLS.
pub(crate) fn plain() -> SessionOptions {
    SessionOptions { tls: Tls::Off, ..SessionOptions::default() }
}
