//! The watch of a real server, with and without somebody who keeps within its connections.

use std::{num::NonZeroU32, path::PathBuf};

use crate::support::{Service, loadtest, printed, report};
use local::{MariaDb, MariaDbOptions};
use serde_json::json;
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

/// The file of a stack with this service and this server.
fn stack(folder: &TempDir, service: &Service, server: &MariaDb) -> PathBuf {
    let path = folder.path().join("stack.json");
    let stack = json!({
        "apiUrl": service.url(""),
        "mysql": {
            "host": "127.0.0.1",
            "port": server.port(),
            "adminUser": server.admin().user(),
            "adminPassword": server.admin().password(),
            "database": server.database(),
        },
    });
    std::fs::write(&path, stack.to_string()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_within_its_slots_leaves_the_server_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder).await;
    let service = Service::with_database(SLOTS, server.admin_opts()).await;
    let stack = stack(&folder, &service, &server);
    let json = folder.path().join("report.json");

    let output = loadtest(&[
        "--stack",
        stack.to_str().unwrap(),
        "--users=40",
        "--duration=3",
        "--json",
        json.to_str().unwrap(),
    ])
    .await;

    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let report = report(&json);
    let seen = report.server.unwrap();
    assert_eq!(seen.max_connections, u64::from(CONNECTIONS));
    assert_eq!((report.refused, seen.aborted_connects), (0, 0), "{text}");
    assert!(seen.samples > 0 && seen.peak_service > 0, "{text}");
    // The watch's own connection is in use too.
    assert!((2..=seen.max_connections).contains(&seen.peak_used()), "{text}");
    assert!(text.contains("the server refused none"), "{text}");
    assert!(!text.contains(server.admin().password()));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_connections_are_counted_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder).await;
    let service = Service::with_database(usize::MAX >> 3, server.admin_opts()).await;
    let stack = stack(&folder, &service, &server);
    let json = folder.path().join("report.json");

    let output = loadtest(&[
        "--stack",
        stack.to_str().unwrap(),
        "--users=40",
        "--duration=3",
        "--json",
        json.to_str().unwrap(),
    ])
    .await;

    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let report = report(&json);
    let seen = report.server.unwrap();
    assert!(report.refused_callers > 0, "{text}");
    assert_eq!(seen.aborted_connects, report.refused_callers, "{text}");
    assert_eq!(report.refused, report.refused_callers, "{text}");
    assert!(text.contains("the server refused"), "{text}");
    server.stop().await.unwrap();
}
