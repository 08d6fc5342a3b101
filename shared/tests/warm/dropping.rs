//! Work on a kept slot that is dropped, wherever it waits, leaves neither a slot nor a connection behind.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::support::hold::HoldSession;
use rds_admission::time::{Deadline, Seconds};

use crate::scene::{Scene, connection_id};

/// Polls so often, and drops it then. Whether it came to its end before.
async fn polled<T>(future: impl Future<Output = T>, mut polls: u32) -> bool {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if polls == 0 => Poll::Ready(false),
        Poll::Pending => {
            polls -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Drops work that may take this long at each point at which it waits, after some that took three seconds.
async fn drop_everywhere(time: Duration) {
    let scene = Scene::keeping(Seconds(2)).await;
    for polls in 0.. {
        scene.works_within(Duration::from_secs(3), connection_id).await;
        let work = scene.sessions.hold(Deadline::within(time), connection_id);
        let ended = polled(Box::pin(work), polls).await;
        // What is kept after that, if it is, is one slot and one connection.
        scene.works_within(time, connection_id).await;
        scene.counter.settles_at(1).await;
        scene.server.settles_at(1).await;
        if ended {
            assert!(polls > 2, "it waits at {polls} points only");
            break;
        }
    }
}

#[tokio::test]
async fn that_goes_on_without_a_call() {
    drop_everywhere(Duration::from_secs(3)).await;
}

#[tokio::test]
async fn that_renews_its_lease() {
    drop_everywhere(Duration::from_secs(20)).await;
}
