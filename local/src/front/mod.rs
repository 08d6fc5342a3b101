//! The front door: the one address that every client and every function calls.
//!
//! Invocations of the deployed functions go to the execution host, requests of the deployed
//! REST API to its stage, all the rest unchanged to MiniStack. Since everything passes here,
//! this is the place to look at, or interfere with, what the parts say to each other ([`faults`]).

mod api;
mod change;
mod control;
mod faults;
mod forward;
mod invoke;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::any;

pub use api::RestApi;
pub(crate) use control::SharedDatabase;
use faults::{Book, Call, Caller, Moment};
use forward::Upstream;

use crate::instances::{Host, PAYLOAD_LIMIT};

/// The path below which the REST API's stage is served.
pub const API_PATH: &str = "/api";

/// The front door. Cheap to clone; all clones are the same door.
#[derive(Clone)]
pub struct Front {
    host: Host,
    upstream: Upstream,
    api: Arc<OnceLock<RestApi>>,
    database: Arc<OnceLock<SharedDatabase>>,
    faults: Arc<Book>,
}

impl Front {
    /// A door to the functions of `host` and to MiniStack at the URL `ministack`.
    #[must_use]
    pub fn new(host: Host, ministack: &str) -> Self {
        Self {
            host,
            upstream: Upstream::new(ministack),
            api: Arc::default(),
            database: Arc::default(),
            faults: Arc::default(),
        }
    }

    /// Serves `api` below [`API_PATH`] from now on. The first one counts.
    pub fn serve_api(&self, api: RestApi) {
        self.api.get_or_init(|| api);
    }

    /// Lets `database` be disturbed through this door. The first one counts.
    pub(crate) fn control(&self, database: SharedDatabase) {
        self.database.get_or_init(|| database);
    }

    fn database(&self) -> Option<&SharedDatabase> {
        self.database.get()
    }

    /// All routes of the door.
    pub fn router(&self) -> Router {
        control::routes(self).fallback_service(any(route).with_state(self.clone()))
    }
}

async fn route(State(front): State<Front>, request: Request) -> Response {
    if let Some(target) = invoke::target(&request) {
        return front.invoke(target, request).await;
    }
    if let Some(path) = api::path_below(request.uri()) {
        let Some(api) = front.api.get() else { return api::not_deployed() };
        let uri = api.rewrite(path, request.uri());
        return api::as_on_aws(front.upstream.forward(&uri, request).await).await;
    }
    let uri = request.uri().clone();
    if let Some(function) = change::target(&request) {
        let answer = front.upstream.forward(&uri, request).await;
        front.host.forget(&function);
        return answer;
    }
    match front.caller(&request).zip(Call::of_service(request.headers())) {
        Some((caller, call)) => front.serve(&caller, call, request).await,
        None => front.upstream.forward(&uri, request).await,
    }
}

impl Front {
    /// The function's instance that a request comes from. People and tools have none.
    fn caller(&self, request: &Request) -> Option<Caller> {
        let token = request.headers().get("x-amz-security-token")?;
        self.host.instance(token.to_str().ok()?)
    }

    /// Passes a function's request of a service on.
    async fn serve(&self, caller: &Caller, call: Call, request: Request) -> Response {
        let (parts, body) = match forward::read(request).await {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        let call = call.with_body(&body);
        self.disturbed(caller, &call, self.upstream.send(parts, body)).await
    }

    /// Carries a call out, with the faults that its caller meets before and after.
    async fn disturbed(
        &self,
        caller: &Caller,
        call: &Call,
        real: impl Future<Output = Response>,
    ) -> Response {
        if let Some(instead) = self.faults.meet(caller, call, Moment::Before).await {
            return instead;
        }
        let answer = follow_lease(caller, call, real.await).await;
        let mut instead = self.faults.meet(caller, call, Moment::After).await;
        if call.is_granted_to(caller.lease().as_deref()) {
            instead = self.faults.meet(caller, call, Moment::Granted).await.or(instead);
        }
        instead.unwrap_or(answer)
    }

    async fn invoke(&self, target: invoke::Target, request: Request) -> Response {
        let caller = self.caller(&request);
        let invoked = match invoke::Call::read(target, request).await {
            Ok(invoked) => invoked,
            Err(refusal) => return refusal,
        };
        match caller.zip(Call::of_counter(invoked.payload())) {
            Some((caller, call)) => self.disturbed(&caller, &call, self.carry_out(invoked)).await,
            None => self.carry_out(invoked).await,
        }
    }

    async fn carry_out(&self, call: invoke::Call) -> Response {
        if let Some(answer) = call.run(&self.host).await {
            return answer;
        }
        // Not one of ours: MiniStack says so in Lambda's words.
        let (parts, payload) = call.into_request();
        self.upstream.send(parts, payload).await
    }
}

/// Notes with the caller which lease it holds, by what the counter or the table answers
/// it.
async fn follow_lease(caller: &Caller, call: &Call, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    if !call.is_about_a_lease() {
        return Response::from_parts(parts, body);
    }
    let body = axum::body::to_bytes(body, PAYLOAD_LIMIT).await.unwrap_or_default();
    caller.set_lease(call.lease_after(&body, caller.lease()));
    Response::from_parts(parts, Body::from(body))
}

/// The path and query of `uri`, `/` when there are none.
fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}
