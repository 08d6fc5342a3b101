//! A real server.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use local::mariadb::{Ending, MariaDb, MariaDbOptions, ServerTls};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, OptsBuilder, SslOpts};
use rcgen::{CertifiedKey, generate_simple_self_signed};

#[tokio::test]
async fn a_full_server_refuses_the_admin_but_not_the_observer() {
    let dir = tempfile::tempdir().unwrap();
    let options = MariaDbOptions::new(dir.path()).max_connections(NonZeroU32::new(10).unwrap());
    let server = MariaDb::start(options).await.unwrap();

    // 10 is the least that the server takes.
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(Conn::new(server.admin_opts()).await.unwrap());
    }
    match Conn::new(server.admin_opts()).await {
        Err(Error::Server(refusal)) => assert_eq!(refusal.code, 1040, "{refusal}"),
        other => panic!("the eleventh connection: {other:?}"),
    }
    let mut observer = loop {
        match Conn::new(server.observer_opts()).await {
            // The one that was refused is still being closed.
            Err(Error::Server(refusal)) if refusal.code == 1040 => {}
            observer => break observer.unwrap(),
        }
    };
    let threads: Vec<mysql_async::Row> = observer.query("SHOW PROCESSLIST").await.unwrap();
    assert!(threads.len() > 10);

    let used: Option<(String, u32)> =
        connections[0].query_first("SHOW GLOBAL STATUS LIKE 'Max_used_connections'").await.unwrap();
    // The observer's is the one above the limit.
    assert_eq!(used.unwrap().1, 11);
    let limits: Option<(u32, u32)> =
        connections[0].query_first("SELECT @@max_connections, @@wait_timeout").await.unwrap();
    assert_eq!(limits, Some((10, 5)));

    let pid = server.pid().unwrap();
    server.stop().await.unwrap();
    assert!(!is_running(pid));
}

#[tokio::test]
async fn the_admin_has_its_database_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = MariaDb::start(MariaDbOptions::new(dir.path())).await.unwrap();
    let mut admin = Conn::new(server.admin_opts()).await.unwrap();
    admin.query_drop("CREATE TABLE t (id INT)").await.unwrap();
    admin.query_drop("CREATE DATABASE other").await.unwrap_err();
    admin.query_drop("SET GLOBAL max_connections = 1000").await.unwrap_err();

    // The passwords the server was started with are nowhere on the disk any more.
    let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| name != "accounts.sql"));

    let pid = server.pid().unwrap();
    drop(server);
    assert!(!is_running(pid), "dropped is ended");
}

#[tokio::test]
async fn tls_can_be_offered_and_required() {
    let dir = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls =
        ServerTls { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    std::fs::write(&tls.certificate, cert.pem()).unwrap();
    std::fs::write(&tls.key, signing_key.serialize_pem()).unwrap();
    let root = tls.certificate.clone();
    let options = MariaDbOptions::new(dir.path().join("server")).tls(tls);
    let server = MariaDb::start(options.require_secure_transport()).await.unwrap();

    // MariaDB's way to say it. That the password is right is seen below.
    match Conn::new(server.admin_opts()).await {
        Err(Error::Server(refusal)) => assert_eq!(refusal.code, 1045, "{refusal}"),
        other => panic!("a connection without TLS: {other:?}"),
    }
    let verified = SslOpts::default()
        .with_root_certs(vec![root.into()])
        .with_disable_built_in_roots(true)
        .with_danger_tls_hostname_override(Some("localhost"));
    let encrypted = OptsBuilder::from_opts(server.admin_opts()).ssl_opts(Some(verified));
    let mut admin = Conn::new(encrypted).await.unwrap();
    let cipher: Option<(String, String)> =
        admin.query_first("SHOW STATUS LIKE 'Ssl_cipher'").await.unwrap();
    assert_ne!(cipher.unwrap().1, "");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_goes_away_and_comes_back_with_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = MariaDb::start(MariaDbOptions::new(dir.path())).await.unwrap();
    let mut admin = Conn::new(server.admin_opts()).await.unwrap();
    admin.query_drop("CREATE TABLE t (id INT)").await.unwrap();
    for ending in [Ending::Crash, Ending::Shutdown] {
        let before = (server.port(), server.pid());
        server.restart(ending, Duration::from_millis(10)).await.unwrap();
        assert!(admin.query_drop("SELECT 1").await.is_err(), "the old connection is gone");
        admin = Conn::new(server.admin_opts()).await.unwrap();
        admin.query_drop("INSERT INTO t VALUES (1)").await.unwrap();
        assert_eq!(server.port(), before.0);
        assert_ne!(server.pid(), before.1);
    }
    let rows: Option<u32> = admin.query_first("SELECT COUNT(*) FROM t").await.unwrap();
    assert_eq!(rows, Some(2));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_can_be_made_smaller_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let server = MariaDb::start(MariaDbOptions::new(dir.path())).await.unwrap();
    server.set_max_connections(NonZeroU32::new(10).unwrap()).await.unwrap();
    let mut admin = Conn::new(server.admin_opts()).await.unwrap();
    let limit: Option<u32> = admin.query_first("SELECT @@max_connections").await.unwrap();
    assert_eq!(limit, Some(10));
}

#[tokio::test]
async fn a_folder_with_data_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let refused = MariaDb::start(MariaDbOptions::new(dir.path())).await.unwrap_err();
    assert!(refused.to_string().contains("holds a server's data already"), "{refused}");
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_an_error_with_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("missing.pem");
    let tls = ServerTls { certificate: nowhere.clone(), key: nowhere };
    let options = MariaDbOptions::new(dir.path().join("server")).tls(tls);
    let error = MariaDb::start(options).await.unwrap_err().to_string();
    assert!(
        error.contains("before it answered; see ") && error.contains("mariadbd.log"),
        "{error}"
    );
}

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
