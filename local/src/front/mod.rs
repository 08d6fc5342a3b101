//! The front door: the one address that every client and every function calls.
//!
//! Invocations of the deployed functions go to the execution host, requests of the deployed
//! REST API to its stage, all the rest unchanged to MiniStack. Since everything passes here,
//! this is the place to look at, or interfere with, what the parts say to each other.

mod api;
mod forward;
mod invoke;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{any, get};

pub use api::RestApi;
use forward::Upstream;

use crate::instances::{self, Host, INSTANCES_PATH};

/// The path below which the REST API's stage is served.
pub const API_PATH: &str = "/api";

/// The front door. Cheap to clone; all clones are the same door.
#[derive(Clone)]
pub struct Front {
    host: Host,
    upstream: Upstream,
    api: Arc<OnceLock<RestApi>>,
}

impl Front {
    /// A door to the functions of `host` and to MiniStack at the URL `ministack`.
    #[must_use]
    pub fn new(host: Host, ministack: &str) -> Self {
        Self { host, upstream: Upstream::new(ministack), api: Arc::default() }
    }

    /// Serves `api` below [`API_PATH`] from now on. The first one counts.
    pub fn serve_api(&self, api: RestApi) {
        self.api.get_or_init(|| api);
    }

    /// All routes of the door.
    pub fn router(&self) -> Router {
        Router::new()
            .route(INSTANCES_PATH, get(instances::list))
            .with_state(self.host.clone())
            .fallback_service(any(route).with_state(self.clone()))
    }
}

async fn route(State(front): State<Front>, request: Request) -> Response {
    if let Some(target) = invoke::target(&request) {
        return front.invoke(target, request).await;
    }
    let uri = match api::path_below(request.uri()) {
        None => request.uri().clone(),
        Some(path) => match front.api.get() {
            Some(api) => api.rewrite(path, request.uri()),
            None => return api::not_deployed(),
        },
    };
    front.upstream.forward(&uri, request).await
}

impl Front {
    async fn invoke(&self, target: invoke::Target, request: Request) -> Response {
        let call = match invoke::Call::read(target, request).await {
            Ok(call) => call,
            Err(refusal) => return refusal,
        };
        if let Some(answer) = call.run(&self.host).await {
            return answer;
        }
        // Not one of ours: MiniStack says so in Lambda's words.
        let (parts, payload) = call.into_request();
        self.upstream.send(parts, payload).await
    }
}

/// The path and query of `uri`, `/` when there are none.
fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}
