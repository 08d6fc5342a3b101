//! A rule that waits for the next call that it means, and is lifted when it has hit.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::control::Hit;
use crate::scene::Scene;

/// How long a call is waited for.
const PATIENCE: Duration = Duration::from_secs(4);

const LOOK: Duration = Duration::from_millis(20);

/// Lets `action` befall the next caller of `call` by `from`. `None` when nobody came.
pub(super) async fn trap(
    scene: &Scene,
    from: &str,
    (call, moment): (&str, &str),
    action: Value,
) -> Result<Option<Hit>> {
    let rule = json!({
        "from": from, "call": call, "moment": moment, "action": action, "times": 1
    });
    let rule = scene.control.rule(&rule).await?;
    let since = Instant::now();
    let mut hit = None;
    while hit.is_none() && since.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        hit = scene.control.hits(rule).await?.pop();
    }
    scene.control.lift(rule).await?;
    // It may have hit in the last moment.
    match hit {
        Some(hit) => Ok(Some(hit)),
        None => Ok(scene.control.hits(rule).await?.pop()),
    }
}
