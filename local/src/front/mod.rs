//! The front door: the one address that every client and every function uses.
//!
//! Invocations of the deployed functions go to the execution host, requests of the deployed REST API to its stage, and
//! everything else unchanged to MiniStack. So faults can be injected here into every call ([`faults`]).

mod api;
mod control;
mod faults;
mod forward;
mod invoke;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;

pub(crate) use api::API_PATH;
pub use api::RestApi;
use control::Control;
pub(crate) use control::SharedDatabase;
use faults::{Call, Caller, FaultRegistry, Moment};
use forward::Upstream;
use invoke::Invocation;

use crate::instances::{Host, PAYLOAD_LIMIT};

/// The front door. Clones share all state.
#[derive(Clone)]
pub struct Front {
    host: Host,
    upstream: Upstream,
    api: Arc<OnceLock<RestApi>>,
    database: Arc<OnceLock<SharedDatabase>>,
    faults: Arc<FaultRegistry>,
}

impl Front {
    /// A front door for the functions of `host` and for MiniStack at the URL `ministack`.
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

    /// Serves `api` at `/api` from now on. Only the first call has an effect.
    pub fn serve_api(&self, api: RestApi) {
        self.api.get_or_init(|| api);
    }

    /// Gives the control API access to `database`. Only the first call has an effect.
    pub(crate) fn control(&self, database: SharedDatabase) {
        self.database.get_or_init(|| database);
    }

    /// All routes.
    pub fn router(&self) -> Router {
        let Self { host, faults, database, .. } = self.clone();
        control::routes(Control { host, faults, database })
            .fallback_service(any(route).with_state(self.clone()))
    }

    /// The instance that sent a request; `None` for people and tools.
    fn caller(&self, request: &Request) -> Option<Caller> {
        let token = request.headers().get("x-amz-security-token")?;
        self.host.instance(token.to_str().ok()?)
    }

    /// Forwards a function's call of an AWS service.
    async fn forward_call(&self, caller: &Caller, call: Call, request: Request) -> Response {
        let (parts, body) = match forward::read(request).await {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        let call = call.with_body(&body);
        self.with_faults(caller, &call, self.upstream.send(parts, body)).await
    }

    async fn invoke(&self, function: String, request: Request) -> Response {
        let caller = self.caller(&request);
        let invocation = match Invocation::read(function, request).await {
            Ok(invocation) => invocation,
            Err(refusal) => return refusal,
        };
        match caller.zip(Call::of_counter(invocation.payload())) {
            Some((caller, call)) => self.with_faults(&caller, &call, self.run(invocation)).await,
            None => self.run(invocation).await,
        }
    }

    async fn run(&self, invocation: Invocation) -> Response {
        if let Some(answer) = invocation.run(&self.host).await {
            return answer;
        }
        // Another function: MiniStack returns Lambda's error.
        let (parts, payload) = invocation.into_request();
        self.upstream.send(parts, payload).await
    }

    /// Carries a call out, and applies the fault rules before and after.
    async fn with_faults(
        &self,
        caller: &Caller,
        call: &Call,
        real: impl Future<Output = Response>,
    ) -> Response {
        if let Some(fake) = self.faults.apply(caller, call, Moment::Before).await {
            return fake;
        }
        let answer = track_lease(caller, call, real.await).await;
        let mut fake = self.faults.apply(caller, call, Moment::After).await;
        if call.is_granted_to(caller.lease().as_deref()) {
            fake = self.faults.apply(caller, call, Moment::Granted).await.or(fake);
        }
        fake.unwrap_or(answer)
    }
}

async fn route(State(front): State<Front>, request: Request) -> Response {
    if let Some(function) = invoke::invoked_function(&request) {
        return front.invoke(function, request).await;
    }
    if let Some(path) = api::path_below(request.uri()) {
        let Some(api) = front.api.get() else { return api::not_deployed() };
        let uri = api.rewrite(path, request.uri());
        return api::hide_failure(front.upstream.forward(&uri, request).await).await;
    }
    let uri = request.uri().clone();
    if let Some(function) = invoke::changed_function(&request) {
        let answer = front.upstream.forward(&uri, request).await;
        front.host.invalidate(&function);
        return answer;
    }
    match front.caller(&request).zip(Call::of_service(request.headers())) {
        Some((caller, call)) => front.forward_call(&caller, call, request).await,
        None => front.upstream.forward(&uri, request).await,
    }
}

/// Records with the caller the lease that it holds after an answer of the counter or the table.
async fn track_lease(caller: &Caller, call: &Call, answer: Response) -> Response {
    if !call.is_about_a_lease() {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, PAYLOAD_LIMIT).await.unwrap_or_default();
    caller.set_lease(call.lease_after(&body, caller.lease()));
    Response::from_parts(parts, Body::from(body))
}
