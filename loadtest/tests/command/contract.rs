//! Against a stand-in for the deployment, without a database.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use loadtest::report::{Admission, Arrival};
use tokio::sync::Semaphore;

use crate::support::{Ran, Service, loadtest, printed};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_keeps_to_the_contract_passes() {
    let service = Service::with_slots(60, Duration::from_millis(500)).await;
    let host = service.url("/some/base/path");
    let ran = Ran::with(&["--host", &host, "--users=200", "--duration=3"]).await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(0), "{text}");
    assert!(ran.report().verdict.pass);
    let run = ran.run();
    assert_eq!(run.admission, Admission::AsDeployed);
    assert_eq!(run.broken.class.count, 0, "{text}");
    assert!(run.admitted.count >= 60, "{text}");
    assert!(run.rejected.class.count > 0, "{text}");
    assert_eq!(run.rejected.reasons[0].reason, "no-slot");
    // An answer takes at least as long as its slot is held: none was cut off.
    assert!(run.admitted.latency.unwrap().p50_ms >= 499.0, "{text}");
    assert!(run.server.is_none() && run.slots.is_none() && run.lateness.is_none());
    // Users that wait a second after each rejection have few of them.
    assert!(run.rejected.class.count <= 200 * 4, "{text}");
    // Every request is in the timeline, and so is its answer.
    let timeline = run.timeline;
    assert_eq!(timeline.offered.iter().sum::<u64>(), run.offered);
    assert_eq!(timeline.admitted.iter().sum::<u64>(), run.admitted.count);
    assert_eq!(timeline.rejected.iter().sum::<u64>(), run.rejected.class.count);
    assert_eq!(run.offered, run.admitted.count + run.rejected.class.count);

    assert!(text.lines().last().unwrap().starts_with("VERDICT: PASS"), "{text}");
    assert!(text.contains("some/folder/report.html"), "{text}");
    assert!(ran.file("report.html").contains("no-slot"));
    let goose = ran.file(&run.goose.unwrap());
    assert!(goose.contains("employees: admitted") && goose.contains("employees: rejected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_ignore_retry_after_come_back_at_once() {
    let service = Service::with_slots(1, Duration::from_millis(100)).await;
    let host = service.url("/some/base/path/");
    let ran =
        Ran::with(&["--host", &host, "--users=4", "--duration=1", "--ignore-retry-after"]).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    // Honest users would have had four rejections each at the most.
    assert!(ran.run().rejected.class.count > 16, "{}", ran.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_the_patient_and_the_impatient_are_told_apart() {
    let service = Service::with_slots(1, Duration::from_millis(100)).await;
    let host = service.url("/some/base/path");
    let ran = Ran::with(&["--host", &host, "--users=5", "--duration=3", "--shape=storm"]).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    let run = ran.run();
    let [patient, impatient] = run.clients.try_into().unwrap();
    assert!(patient.honour_retry_after && !impatient.honour_retry_after);
    assert_eq!((patient.users, impatient.users), (3, 2));
    assert_eq!(patient.admitted.count + impatient.admitted.count, run.admitted.count);
    assert_eq!(patient.rejected.count + impatient.rejected.count, run.rejected.class.count);
    // Three users that wait a second after each rejection.
    assert!(patient.rejected.count <= 3 * 4, "{}", ran.text());
    assert!(impatient.rejected.count > 10 * patient.rejected.count, "{}", ran.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spike_comes_when_it_is_due_whatever_becomes_of_the_others() {
    // Every answer takes a second; users that waited for theirs would ask 3 times each.
    let service = Service::with_slots(1_000, Duration::from_secs(1)).await;
    let host = service.url("/some/base/path");
    let options = ["--users=200", "--duration=3", "--shape=spike", "--arrival=100/s"];
    let ran = Ran::with(&[&["--host", &host][..], &options].concat()).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    assert!(matches!(ran.report().settings.arrival, Arrival::Open { seed: 1, .. }));
    let run = ran.run();
    let spike = run.timeline.offered[1];
    // Of a Poisson distribution with a mean of 100, five standard deviations around it.
    assert!((50..=150).contains(&spike), "{spike}");
    assert!(run.timeline.offered[0] < 30 && run.timeline.offered[2] < 30);
    assert!(run.lateness.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_closed_loop_a_spike_is_one_of_users() {
    // A user that waits 100 ms for an answer sends at most eleven requests per second.
    let service = Service::with_slots(1_000, Duration::from_millis(100)).await;
    let host = service.url("/some/base/path");
    let ran = Ran::with(&["--host", &host, "--users=40", "--duration=3", "--shape=spike"]).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    let offered = ran.run().timeline.offered;
    // A twentieth of the users, all of them, a twentieth again.
    assert!(
        (1..=2 * 11).contains(&offered[0]) && (1..=2 * 11).contains(&offered[2]),
        "{offered:?}"
    );
    assert!(offered[1] > 2 * 2 * 11, "{offered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_closed_loop_a_ramp_brings_users_one_after_the_other() {
    let service = Service::with_slots(1_000, Duration::from_millis(100)).await;
    let host = service.url("/some/base/path");
    let ran = Ran::with(&["--host", &host, "--users=40", "--duration=4", "--shape=ramp"]).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    let offered = ran.run().timeline.offered;
    // Ten users start per second: in the first second they are active for half of it, in the last 35 are all the time.
    let most: u64 = (0..10).map(|tenths| 11 - tenths).sum();
    assert!((1..=most).contains(&offered[0]), "{offered:?}");
    assert!(offered[3] > 2 * most, "{offered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_had_to_wait_for_a_user_counts_as_slow_and_one_that_was_not_made_fails() {
    let service = Service::with_slots(1_000, Duration::from_millis(500)).await;
    let host = service.url("/some/base/path");
    let options = ["--users=1", "--duration=2", "--arrival=10/s"];
    let ran = Ran::with(&[&["--host", &host][..], &options].concat()).await;

    let run = ran.run();
    let lateness = run.lateness.unwrap();
    // One user makes 4 requests in the time in which 20 are due; what is made is late, and the rest is
    // not forgotten.
    assert!(lateness.late >= 2 && lateness.max_ms > 500.0, "{lateness:?}");
    assert!(run.admitted.latency.unwrap().max_ms > 1_000.0, "{}", ran.text());
    assert!(lateness.unsent > 3, "{lateness:?}");
    assert_eq!(ran.code(), Some(1), "{}", ran.text());
    assert!(ran.text().contains("never sent"), "{}", ran.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_failed_for_that_alone() {
    let asked = Arc::new(Semaphore::new(0));
    let ask = asked.clone();
    let employees = move || async move {
        ask.add_permits(1);
        "Selected 3 items from RDS MySQL table"
    };
    let service = Service::start(Router::new().route("/employees", get(employees))).await;
    let often = async { asked.acquire_many(20).await.unwrap().forget() };
    let host = service.url("");
    let ran = Ran::until(often, &["--host", &host, "--arrival=20/s", "--duration=600"]).await;

    assert_eq!(ran.code(), Some(1), "{}", ran.text());
    assert_eq!(ran.report().verdict.reasons, ["the test was interrupted"]);
    let run = ran.run();
    assert!(run.interrupted && run.admitted.count > 0);
    assert_eq!(run.lateness.unwrap().unsent, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_answers_fail_and_are_named() {
    let service = Service::with_problem(502, "database-failed").await;
    let ran = Ran::with(&["--host", &service.url(""), "--users=2", "--duration=1"]).await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(1), "{text}");
    assert!(text.contains("VERDICT: FAIL"), "{text}");
    let run = ran.run();
    assert_eq!(run.broken.reasons[0].reason, "502 database-failed");
    assert_eq!(run.broken.reasons[0].count, run.broken.class.count);
    assert!(!run.broken.examples.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apis_own_limit_is_named_and_what_to_do_about_it() {
    let employees = async || {
        let body = r#"{"message":"Too Many Requests"}"#;
        (StatusCode::TOO_MANY_REQUESTS, [(CONTENT_TYPE, "application/json")], body)
    };
    let service = Service::start(Router::new().route("/employees", get(employees))).await;
    let ran = Ran::with(&["--host", &service.url(""), "--users=2", "--duration=1"]).await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(1), "{text}");
    assert!(text.contains("most of them 429 the API's own limit"), "{text}");
    assert!(text.contains("RequestsPerSecond and RequestBurst"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_refused_by_the_server_fails_although_it_is_a_503() {
    let service = Service::with_problem(503, "connection-refused-by-server").await;
    let ran = Ran::with(&["--host", &service.url(""), "--users=2", "--duration=1"]).await;

    assert_eq!(ran.code(), Some(1), "{}", ran.text());
    let run = ran.run();
    assert!(run.refused_callers > 0);
    assert_eq!(run.refused, run.refused_callers);
    assert_eq!(run.refused, run.broken.class.count);
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_decide() {
    let draining = Service::with_problem_after(Duration::from_millis(20), 503, "draining").await;
    let failing = Service::with_problem(502, "database-failed").await;
    let refused = Service::with_problem(503, "connection-refused-by-server").await;
    for (service, options, fault) in [
        (&draining, "--min-admitted=1", Some("0 admitted, fewer than 1")),
        (&draining, "--min-admitted=0", None),
        (&draining, "--min-admitted=0 --max-rejection-p99=5000", None),
        (&draining, "--min-admitted=0 --max-rejection-p99=1", Some("1 % of the rejections took")),
        (
            &failing,
            "--min-admitted=0 --max-refused=1000000",
            Some("most of them 502 database-fail"),
        ),
        (&failing, "--min-admitted=0 --max-broken=1000000", None),
        (&refused, "--min-admitted=0 --max-broken=1000000", Some("the server refused ")),
        (&refused, "--min-admitted=0 --max-broken=1000000 --max-refused=1000000", None),
    ] {
        let host = service.url("");
        let options: Vec<&str> = options.split(' ').collect();
        let load = ["--host", &host, "--users=2", "--duration=1"];
        let output = loadtest(&[&load[..], &options].concat()).await;
        let text = printed(&output);
        // No other fault stands before it or after it.
        let verdict = text.lines().find(|line| line.starts_with("VERDICT: ")).unwrap();
        match fault {
            Some(fault) => {
                assert_eq!(output.status.code(), Some(1), "{options:?}: {text}");
                assert!(verdict.contains(fault) && !verdict.contains(';'), "{options:?}: {text}");
            }
            None => assert_eq!(output.status.code(), Some(0), "{options:?}: {text}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_be_written_again_from_the_json() {
    let service = Service::with_problem(503, "draining").await;
    let ran = Ran::with(&["--host", &service.url(""), "--users=1", "--duration=1"]).await;
    let page = ran.file("report.html");
    let json = ran.folder.path().join("some/folder/report.json");
    std::fs::remove_file(json.with_file_name("report.html")).unwrap();
    let output = loadtest(&["page", json.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(ran.file("report.html") == page, "another page from the same numbers");

    let output = loadtest(&["page", "missing.json"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(printed(&output).contains("missing.json"), "{}", printed(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_host_there_is_no_run() {
    // A free port.
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let output = loadtest(&["--host", &format!("http://{address}")]).await;
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("does not answer"), "{text}");

    assert_eq!(loadtest(&[]).await.status.code(), Some(2));
    assert_eq!(loadtest(&["--stack", "missing.json"]).await.status.code(), Some(2));
    let output = loadtest(&["--host", "http://127.0.0.1:1", "--compare"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(printed(&output).contains("--query-function"), "{}", printed(&output));
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
        "--database-tls=off",
    ])
    .await;
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("connecting to the database failed"), "{text}");
    assert!(!text.contains("very-secret"), "{text}");
}

/// Limits of open files, as `ulimit` sets them before the command runs.
async fn limited(limits: &str, arguments: &[&str]) -> std::process::Output {
    tokio::process::Command::new("sh")
        .args(["-c", &format!("ulimit {limits} && exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_loadtest"))
        .args(arguments)
        .env_remove("LOADTEST_DATABASE")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_limit_of_open_files_is_raised_and_one_that_can_not_be_is_said_before_the_start() {
    let service = Service::with_slots(60, Duration::from_millis(200)).await;
    let host = service.url("/some/base/path");
    let flood = ["--host", &host, "--users=200", "--duration=1"];
    let raised = limited("-Sn 150", &flood).await;
    assert_eq!(raised.status.code(), Some(0), "{}", printed(&raised));

    let too_few = limited("-n 150", &flood).await;
    assert_eq!(too_few.status.code(), Some(2), "{}", printed(&too_few));
    let said = String::from_utf8_lossy(&too_few.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("300 open files") && said.contains("may have 150"), "{said}");
}
