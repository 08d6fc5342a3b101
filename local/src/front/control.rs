//! What can be asked of the stack itself, below `/_local`: to see and disturb its parts.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::Front;
use super::faults::Rule;
use crate::instances::{self, INSTANCES_PATH};
use crate::mariadb::{Ending, MariaDb};

/// The routes, for `front` and for `database`, when there is one.
pub(super) fn routes(front: &Front) -> Router {
    Router::new()
        .route(&format!("{INSTANCES_PATH}/{{id}}/kill"), post(kill))
        .route(&format!("{INSTANCES_PATH}/{{id}}/freeze"), post(freeze))
        .route("/_local/interrupted", get(interrupted))
        .route("/_local/faults", get(list).post(add).delete(clear))
        .route("/_local/faults/hits", get(hits))
        .route("/_local/faults/{id}", delete(remove))
        .route("/_local/database/restart", post(restart))
        .route("/_local/database/max-connections", post(max_connections))
        .with_state(front.clone())
        .route(INSTANCES_PATH, get(instances::list))
        .with_state(front.host.clone())
}

async fn kill(State(front): State<Front>, Path(id): Path<String>) -> StatusCode {
    let Some(instance) = front.host.instance(&id) else { return StatusCode::NOT_FOUND };
    instance.kill_from_outside();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Freeze {
    seconds: f64,
}

async fn freeze(
    State(front): State<Front>,
    Path(id): Path<String>,
    Json(Freeze { seconds }): Json<Freeze>,
) -> Response {
    let Ok(time) = Duration::try_from_secs_f64(seconds) else {
        return (StatusCode::BAD_REQUEST, "seconds must be a time").into_response();
    };
    let Some(instance) = front.host.instance(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    instance.freeze(time);
    StatusCode::NO_CONTENT.into_response()
}

async fn interrupted(State(front): State<Front>) -> Response {
    Json(front.host.interruptions()).into_response()
}

async fn list(State(front): State<Front>) -> Response {
    Json(front.faults.list()).into_response()
}

async fn add(State(front): State<Front>, rule: Result<Json<Rule>, JsonRejection>) -> Response {
    let rule = match rule {
        Ok(Json(rule)) => rule,
        Err(error) => return (StatusCode::BAD_REQUEST, error.body_text()).into_response(),
    };
    if let Err(wrong) = rule.check() {
        return (StatusCode::BAD_REQUEST, wrong).into_response();
    }
    (StatusCode::CREATED, Json(json!({"id": front.faults.add(rule)}))).into_response()
}

async fn clear(State(front): State<Front>) -> StatusCode {
    front.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove(State(front): State<Front>, Path(id): Path<u64>) -> StatusCode {
    if front.faults.remove(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn hits(State(front): State<Front>, Query(After { after }): Query<After>) -> Response {
    let (hits, last) = front.faults.hits(after);
    Json(json!({"hits": hits, "last": last})).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Restart {
    #[serde(default)]
    crash: bool,
    #[serde(default)]
    down_ms: u64,
}

async fn restart(State(front): State<Front>, Json(asked): Json<Restart>) -> Response {
    let Some(database) = front.database().cloned() else { return no_database() };
    let ending = if asked.crash { Ending::Crash } else { Ending::Shutdown };
    let away = Duration::from_millis(asked.down_ms);
    // Whoever asked may go away; the database is to come back all the same.
    let restart = async move { database.lock().await.restart(ending, away).await };
    done(tokio::spawn(restart).await.unwrap_or_else(|error| Err(error.into())))
}

#[derive(Deserialize)]
struct Connections {
    value: NonZeroU32,
}

async fn max_connections(State(front): State<Front>, Json(to): Json<Connections>) -> Response {
    let Some(database) = front.database() else { return no_database() };
    done(database.lock().await.set_max_connections(to.value).await)
}

fn no_database() -> Response {
    (StatusCode::NOT_FOUND, "there is no database behind this door").into_response()
}

fn done(result: anyhow::Result<()>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

/// A database that can be disturbed, shared with whoever looks after it.
pub(crate) type SharedDatabase = Arc<Mutex<MariaDb>>;
