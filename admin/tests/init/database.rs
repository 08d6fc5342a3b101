//! A real MariaDB, and `init` on it.

use std::time::Duration;

use admin::init::{Database, DatabaseError, Settings};
use local::{MariaDb, MariaDbOptions};
use mysql_async::Conn;
use mysql_async::prelude::{FromRow, Queryable};
use rds_admission::time::Deadline;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{options, vault};

/// A server, with a connection of its administrator.
pub(crate) struct Server {
    mariadb: MariaDb,
    admin: Conn,
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = MariaDbOptions::new(folder.path().join("mariadb"));
        let mariadb = MariaDb::start(options).await.expect("a server");
        let mut admin = Conn::new(mariadb.observer_opts()).await.expect("a connection");
        admin.query_drop(format!("USE {}", mariadb.database())).await.expect("a database");
        Self { mariadb, admin, _folder: folder }
    }

    pub(crate) async fn run(&mut self, statements: &[&str]) {
        for statement in statements {
            let result = self.admin.query_drop(*statement).await;
            result.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    pub(crate) async fn query<T: FromRow + Send + 'static>(&mut self, sql: &str) -> T {
        self.admin.query_first(sql).await.expect("an answer").expect("a row")
    }

    /// Returns the secret of the account with all rights on the database.
    pub(crate) fn secret(&self) -> Value {
        let admin = self.mariadb.admin();
        json!({
            "username": admin.user(), "password": admin.password(), "host": "127.0.0.1",
            "port": self.mariadb.port(), "dbname": self.mariadb.database(),
        })
    }

    /// Creates an account with these rights and returns its secret.
    pub(crate) async fn secret_of(&mut self, user: &str, rights: &[&str]) -> Value {
        let mut statements = vec![format!("CREATE USER {user}@'%' IDENTIFIED BY 'a password'")];
        statements.extend(rights.iter().map(|right| format!("GRANT {right} TO {user}@'%'")));
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        self.run(&statements).await;
        let mut secret = self.secret();
        secret["username"] = json!(user);
        secret["password"] = json!("a password");
        secret
    }

    /// Drops what a test has created.
    pub(crate) async fn clear(&mut self) {
        self.run(&["DROP TABLE IF EXISTS Employees, staff", "DROP VIEW IF EXISTS Employees"]).await;
    }
}

/// Prepares the database that the secret names.
pub(crate) async fn prepare(secret: &Value, fill: bool) -> Result<Settings, DatabaseError> {
    let database = Database::new(vault::secret(secret).await, options());
    // Boxed: it exceeds the compiler's default recursion limit.
    Box::pin(database.prepare(Deadline::within(Duration::from_secs(60)), fill)).await
}
