//! Against a stand-in for the deployment, without a database.

use std::time::Duration;

use crate::support::{Service, loadtest, printed, report};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_keeps_to_the_contract_passes() {
    let service = Service::with_slots(60, Duration::from_millis(500)).await;
    let folder = tempfile::tempdir().unwrap();
    let (json, html) = (folder.path().join("a/report.json"), folder.path().join("b/report.html"));

    let output = loadtest(&[
        "--host",
        &service.url("/some/base/path"),
        "--users=200",
        "--duration=3",
        "--json",
        json.to_str().unwrap(),
        "--report",
        html.to_str().unwrap(),
    ])
    .await;

    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let report = report(&json);
    assert!(report.verdict.pass);
    assert_eq!(report.broken.class.count, 0, "{text}");
    assert!(report.admitted.count >= 60, "{text}");
    assert!(report.rejected.count > 0, "{text}");
    // An answer takes at least as long as its slot is held: none was cut off.
    assert!(report.admitted.latency.unwrap().p50_ms >= 499.0, "{text}");
    assert!(report.server.is_none());
    // Who waits a second after each rejection has few of them in the run.
    assert!(report.rejected.count <= 200 * 4, "{text}");
    assert!(text.contains("VERDICT: PASS"), "{text}");
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("employees: admitted") && page.contains("employees: rejected"));
    let last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap().to_owned();
    assert_eq!(last, format!("Goose's report: {}", html.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_ignore_retry_after_come_back_at_once() {
    let service = Service::with_slots(1, Duration::from_millis(100)).await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");

    let output = loadtest(&[
        "--host",
        &service.url("/some/base/path/"),
        "--users=4",
        "--duration=1",
        "--ignore-retry-after",
        "--json",
        json.to_str().unwrap(),
    ])
    .await;

    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    // Honest users would have had four rejections each at the most.
    assert!(report(&json).rejected.count > 16, "{}", printed(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_answers_fail_and_are_named() {
    let service = Service::with_problem(502, "database-failed").await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");

    let output = loadtest(&[
        "--host",
        &service.url(""),
        "--users=2",
        "--duration=1",
        "--json",
        json.to_str().unwrap(),
    ])
    .await;

    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("VERDICT: FAIL"), "{text}");
    let report = report(&json);
    assert_eq!(report.broken.reasons[0].reason, "502 database-failed");
    assert_eq!(report.broken.reasons[0].count, report.broken.class.count);
    assert!(!report.broken.examples.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_refused_by_the_server_fails_although_it_is_a_503() {
    let service = Service::with_problem(503, "connection-refused-by-server").await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");

    let output = loadtest(&[
        "--host",
        &service.url(""),
        "--users=2",
        "--duration=1",
        "--json",
        json.to_str().unwrap(),
    ])
    .await;

    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    let report = report(&json);
    assert!(report.refused_callers > 0);
    assert_eq!(report.refused, report.refused_callers);
    assert_eq!(report.refused, report.broken.class.count);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_admitted_fail() {
    let service = Service::with_problem(503, "draining").await;
    let host = service.url("");
    let run = ["--host", &host, "--users=2", "--duration=1"];

    let output = loadtest(&run).await;
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("0 admitted, fewer than 1"));

    let output = loadtest(&[&run[..], &["--min-admitted=0"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_host_there_is_no_run() {
    // A port that was free a moment ago and that nobody listens on.
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let output = loadtest(&["--host", &format!("http://{address}")]).await;
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("does not answer"), "{text}");

    assert_eq!(loadtest(&[]).await.status.code(), Some(2));
    assert_eq!(loadtest(&["--stack", "missing.json"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_there_is_no_run_and_no_password_on_the_screen() {
    let service = Service::with_slots(1, Duration::ZERO).await;
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let output = loadtest(&[
        "--host",
        &service.url("/some/base/path"),
        "--database",
        &format!("mysql://admin:very-secret@{address}/demodb2"),
    ])
    .await;
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("connecting to the database failed"), "{text}");
    assert!(!text.contains("very-secret"), "{text}");
}
