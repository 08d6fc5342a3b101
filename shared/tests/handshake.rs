//! An abandoned login is completed: a server counts broken logins, and blocks a host with too many of them.

#[path = "support/server.rs"]
mod server;
#[path = "support/stalling.rs"]
mod stalling;
mod support;

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use rds_admission::client::{Admission, ReleaseOutcome};
use rds_admission::secret::Credentials;
use rds_admission::session::{Session, SessionError, SessionOptions};
use rds_admission::time::Deadline;
use server::{Server, plain};
use stalling::Stalling;
use support::counter::InMemory;
use support::hold::HoldSlot;

/// Logins that broke off, since the server has started.
async fn aborted(server: &Server) -> u64 {
    let mut observer = server.observer().await;
    let asked = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
                 WHERE VARIABLE_NAME = 'ABORTED_CONNECTS'";
    let aborted = observer.query_first(asked).await.expect("an answer").expect("a row");
    observer.disconnect().await.expect("disconnected");
    aborted
}

#[tokio::test]
async fn a_login_that_takes_too_long_is_brought_to_its_end_and_then_the_slot_is_back() {
    let (server, counter) = (Server::plain().await, InMemory::new().await);
    let stalling = Stalling::before(server.mariadb.port()).await;
    let credentials = Credentials { port: stalling.port, ..server.credentials() };
    let options = SessionOptions { connect_timeout: Duration::from_millis(100), ..plain() };
    let admission = Admission::new(Arc::new(counter.clone()), support::pool());
    // While it stalls, the server waits.
    let mut observer = server.observer().await;
    observer.query_drop("SET GLOBAL connect_timeout = 60").await.expect("done");
    observer.disconnect().await.expect("disconnected");
    let before = aborted(&server).await;

    // One that takes too long,
    let late = admission
        .hold(Deadline::within(Duration::from_secs(20)), async |slot| {
            Session::open(&slot, &options, &credentials).await
        })
        .await
        .expect("a slot");
    assert!(matches!(late.value, Err(SessionError::ConnectTimeout { .. })), "{:?}", late.value);
    assert!(matches!(late.held.outcome, ReleaseOutcome::LeftToLapse), "{:?}", late.held);
    // and one whose holder is dropped.
    let patient = plain();
    let dropped = admission.hold(Deadline::within(Duration::from_secs(20)), async |slot| {
        Session::open(&slot, &patient, &credentials).await
    });
    tokio::select! {
        _ = dropped => unreachable!("the server stalls"),
        () = stalling.has_called(2) => {}
    }
    assert_eq!(counter.in_use().await, 2);

    stalling.goes_on();
    counter.settles_at(0).await;
    server.is_left_alone().await;
    assert_eq!(aborted(&server).await, before);
}
