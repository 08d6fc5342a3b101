//! The control API below `/_local`: lists the parts and injects faults.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
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

use super::faults::{FaultRegistry, Rule};
use crate::instances::{self, Host, INSTANCES_PATH};
use crate::mariadb::{Ending, MariaDb};

/// A shared database that can be restarted.
pub(crate) type SharedDatabase = Arc<Mutex<MariaDb>>;

/// The parts that the API controls.
#[derive(Clone)]
pub(super) struct Control {
    pub(super) host: Host,
    pub(super) faults: Arc<FaultRegistry>,
    /// Missing until it has started.
    pub(super) database: Arc<OnceLock<SharedDatabase>>,
}

pub(super) fn routes(control: Control) -> Router {
    let host = control.host.clone();
    Router::new()
        .route(&format!("{INSTANCES_PATH}/{{id}}/kill"), post(kill))
        .route(&format!("{INSTANCES_PATH}/{{id}}/freeze"), post(freeze))
        .route("/_local/interrupted", get(interrupted))
        .route("/_local/faults", get(list).post(add).delete(clear))
        .route("/_local/faults/hits", get(hits))
        .route("/_local/faults/{id}", delete(remove))
        .route("/_local/database/restart", post(restart))
        .route("/_local/database/max-connections", post(max_connections))
        .with_state(control)
        .route(INSTANCES_PATH, get(instances::list))
        .with_state(host)
}

async fn kill(State(control): State<Control>, Path(id): Path<String>) -> StatusCode {
    let Some(instance) = control.host.instance(&id) else { return StatusCode::NOT_FOUND };
    instance.kill_by_fault();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Freeze {
    seconds: f64,
}

async fn freeze(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(Freeze { seconds }): Json<Freeze>,
) -> Response {
    let Ok(time) = Duration::try_from_secs_f64(seconds) else {
        return (StatusCode::BAD_REQUEST, "seconds must be a time").into_response();
    };
    let Some(instance) = control.host.instance(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    instance.freeze(time);
    StatusCode::NO_CONTENT.into_response()
}

async fn interrupted(State(control): State<Control>) -> Response {
    Json(control.host.interruptions()).into_response()
}

async fn list(State(control): State<Control>) -> Response {
    Json(control.faults.list()).into_response()
}

async fn add(State(control): State<Control>, rule: Result<Json<Rule>, JsonRejection>) -> Response {
    let rule = match rule {
        Ok(Json(rule)) => rule,
        Err(error) => return (StatusCode::BAD_REQUEST, error.body_text()).into_response(),
    };
    if let Err(wrong) = rule.check() {
        return (StatusCode::BAD_REQUEST, wrong).into_response();
    }
    (StatusCode::CREATED, Json(json!({"id": control.faults.add(rule)}))).into_response()
}

async fn clear(State(control): State<Control>) -> StatusCode {
    control.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove(State(control): State<Control>, Path(id): Path<u64>) -> StatusCode {
    if control.faults.remove(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn hits(State(control): State<Control>, Query(After { after }): Query<After>) -> Response {
    let (hits, last) = control.faults.hits(after);
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

async fn restart(State(control): State<Control>, Json(restart): Json<Restart>) -> Response {
    let Some(database) = control.database.get().cloned() else { return no_database() };
    let ending = if restart.crash { Ending::Crash } else { Ending::Shutdown };
    let pause = Duration::from_millis(restart.down_ms);
    // A task of its own, so that the database starts again even if the client leaves.
    let restart = async move { database.lock().await.restart(ending, pause).await };
    done(tokio::spawn(restart).await.unwrap_or_else(|error| Err(error.into())))
}

#[derive(Deserialize)]
struct Connections {
    value: NonZeroU32,
}

async fn max_connections(State(control): State<Control>, Json(to): Json<Connections>) -> Response {
    let Some(database) = control.database.get() else { return no_database() };
    done(database.lock().await.set_max_connections(to.value).await)
}

fn no_database() -> Response {
    (StatusCode::NOT_FOUND, "there is no database").into_response()
}

fn done(result: anyhow::Result<()>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}
