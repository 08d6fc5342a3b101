//! The watch of a real server, with and without somebody who keeps within its connections.

use std::num::NonZeroU32;

use crate::support::{Ran, Service};
use local::{MariaDb, MariaDbOptions};
use tempfile::TempDir;

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
    Ran::with(&["--host", &host, "--database", &database, "--users=40", "--duration=3"]).await
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
    assert!(seen.peak_service > 0, "{text}");
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
    assert_eq!(run.server.unwrap().aborted_connects, run.refused_callers, "{text}");
    assert_eq!(run.refused, run.refused_callers, "{text}");
    assert!(text.contains("the server refused"), "{text}");
    server.stop().await.unwrap();
}
