//! The watch of a real server, with a service that keeps to its slots and with one that does not.

use std::{num::NonZeroU32, time::Duration};

use axum::{Router, routing::get};
use local::{MariaDb, MariaDbOptions, mariadb::ServerTls};
use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use crate::support::{Ran, Service, loadtest, printed};

/// The server's `max_connections`, small so that few users are many.
const CONNECTIONS: u32 = 12;

/// Slots of the service that keeps to them. The server needs a moment to notice that a connection
/// was closed, in which the slot's next one is open already: hence twice as many and a few more fit.
const SLOTS: usize = 4;

async fn server(folder: &TempDir) -> MariaDb {
    let connections = NonZeroU32::new(CONNECTIONS).unwrap();
    let options = MariaDbOptions::new(folder.path().join("mariadb")).max_connections(connections);
    MariaDb::start(options).await.unwrap()
}

/// The server's address, as an option of the command.
fn address(server: &MariaDb) -> String {
    let (admin, port, database) = (server.admin(), server.port(), server.database());
    format!("mysql://{}:{}@127.0.0.1:{port}/{database}", admin.user(), admin.password())
}

/// Floods the service, and watches the server meanwhile.
async fn flood(service: &Service, server: &MariaDb) -> Ran {
    let (host, database) = (service.url(""), address(server));
    let options = ["--users=40", "--duration=3", "--database-tls=off"];
    Ran::with(&[&["--host", &host, "--database", &database][..], &options].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_within_its_slots_leaves_the_server_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder).await;
    let service = Service::with_database(SLOTS, server.admin_opts()).await;
    let ran = flood(&service, &server).await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(0), "{text}");
    let run = ran.run();
    let seen = run.server.unwrap();
    assert_eq!(seen.max_connections, u64::from(CONNECTIONS));
    assert!(seen.version.contains("MariaDB"), "{}", seen.version);
    assert_eq!((run.refused, seen.aborted_connects), (0, 0), "{text}");
    assert!(seen.peak_service > Some(0), "{text}");
    let samples = seen.samples;
    assert!(samples.at.is_sorted() && !samples.at.is_empty());
    assert_eq!((samples.used.len(), samples.service.len()), (samples.at.len(), samples.at.len()));
    // The watch's own connection is in use too.
    assert!((2..=seen.max_connections).contains(&seen.peak_used), "{text}");
    assert!(text.contains("0 refused by the server"), "{text}");
    for shown in [text, ran.file("report.json"), ran.file("report.html")] {
        assert!(!shown.contains(server.admin().password()));
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_connections_are_counted_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder).await;
    let service = Service::with_database(usize::MAX >> 3, server.admin_opts()).await;
    let ran = flood(&service, &server).await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(1), "{text}");
    let run = ran.run();
    assert!(run.refused_callers > 0, "{text}");
    let seen = run.server.unwrap();
    assert_eq!(seen.aborted_connects, run.refused_callers, "{text}");
    // MariaDB leaves out those that it lets in on its spare connection and refuses after their login: all,
    // if they come one by one. The callers know of them.
    assert!(seen.connection_errors_max_connections <= run.refused_callers, "{text}");
    assert_eq!(run.refused, run.refused_callers, "{text}");
    assert!(text.contains("the server refused"), "{text}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_failed_is_no_connection_that_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder).await;
    let wrong: Opts = OptsBuilder::from_opts(server.admin_opts()).pass(Some("wrong")).into();
    let employees = move || async move {
        assert!(Conn::new(wrong).await.is_err());
        "Selected 3 items from RDS MySQL table"
    };
    let service = Service::start(Router::new().route("/employees", get(employees))).await;
    let (host, database) = (service.url(""), address(&server));
    let options = ["--users=2", "--duration=1", "--database-tls=off"];
    let ran =
        Ran::with(&[&["--host", &host, "--database", &database][..], &options].concat()).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    let run = ran.run();
    let seen = run.server.unwrap();
    assert!(seen.aborted_connects >= run.admitted.count, "{}", ran.text());
    assert_eq!((run.refused, seen.connection_errors_max_connections), (0, 0));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_account_may_not_see_is_not_taken_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder).await;
    let mut observer = Conn::new(server.observer_opts()).await.unwrap();
    let without_process =
        "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.access', 0) WHERE User = 'admin'";
    observer.query_drop(without_process).await.unwrap();
    observer.query_drop("FLUSH PRIVILEGES").await.unwrap();
    let service = Service::with_database(SLOTS, server.admin_opts()).await;
    let ran = flood(&service, &server).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    assert!(ran.text().contains("lacks PROCESS"), "{}", ran.text());
    let samples = ran.run().server.unwrap().samples;
    assert!(!samples.used.is_empty() && samples.service.is_empty());
    observer.disconnect().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_requires_tls_is_watched_with_its_roots() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let roots = format!("--database-tls={}", certificate.display());
    let options = MariaDbOptions::new(folder.path().join("mariadb"))
        .tls(ServerTls { certificate, key })
        .require_secure_transport();
    let server = MariaDb::start(options).await.unwrap();
    let service = Service::with_slots(1_000, Duration::ZERO).await;
    let (host, database) = (service.url("/some/base/path"), address(&server));
    let given = ["--host", &host, "--database", &database, "--users=2", "--duration=1"];

    let ran = Ran::with(&[&given[..], &[&roots]].concat()).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    assert!(ran.run().server.is_some());

    // RDS's roots, the default, have not signed its certificate.
    for options in [&[][..], &["--database-tls=off"]] {
        let output = loadtest(&[&given[..], options].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{options:?}: {}", printed(&output));
        assert!(printed(&output).contains("connecting to the database failed"), "{options:?}");
    }
    server.stop().await.unwrap();
}
