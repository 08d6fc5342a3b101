//! An HTTP fake of `GetSecretValue` of Secrets Manager, with version stages.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use rds_admission::secret::SecretCache;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Values of the version stages.
#[derive(Clone, Default)]
pub(crate) struct Versions {
    pub(crate) current: Option<Value>,
    pub(crate) pending: Pending,
}

/// Value of `AWSPENDING`.
#[derive(Clone, Default)]
pub(crate) enum Pending {
    #[default]
    No,
    WithoutValue,
    Value(Value),
}

#[derive(Default)]
struct Inner {
    versions: Versions,
    /// Versions that replace the current ones after this number of reads.
    then: Option<(usize, Versions)>,
    reads: Vec<String>,
}

/// The fake service.
pub(crate) struct Vault {
    endpoint: String,
    inner: Arc<Mutex<Inner>>,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vault {
    pub(crate) async fn open(versions: Versions) -> Self {
        let inner = Arc::new(Mutex::new(Inner { versions, ..Inner::default() }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new().route("/", post(answer)).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { endpoint, inner }
    }

    pub(crate) fn hold(&self, versions: Versions) {
        lock(&self.inner).versions = versions;
    }

    /// Switches to `versions` after this number of reads.
    pub(crate) fn hold_after(&self, reads: usize, versions: Versions) {
        lock(&self.inner).then = Some((reads, versions));
    }

    /// Returns the stages that were read since the last call.
    pub(crate) fn reads(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.inner).reads)
    }

    pub(crate) fn cache(&self) -> SecretCache {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.endpoint)
            .build();
        SecretCache::new(Client::from_conf(config), "the secret")
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&request).expect("JSON");
    let mut inner = lock(&inner);
    let label = request["VersionStage"].as_str().unwrap_or("AWSCURRENT").to_owned();
    let value = match (label.as_str(), &inner.versions) {
        ("AWSCURRENT", versions) => versions.current.clone().map(Some),
        (_, Versions { pending: Pending::Value(value), .. }) => Some(Some(value.clone())),
        (_, Versions { pending: Pending::WithoutValue, .. }) => Some(None),
        (_, Versions { pending: Pending::No, .. }) => None,
    };
    inner.reads.push(label);
    if let Some((reads, versions)) = inner.then.take() {
        if reads == 1 {
            inner.versions = versions;
        } else {
            inner.then = Some((reads - 1, versions));
        }
    }
    match value {
        None => {
            let error = json!({"__type": "ResourceNotFoundException", "Message": "gone"});
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
        Some(None) => Json(json!({"Name": "the secret"})).into_response(),
        Some(Some(value)) => {
            Json(json!({"Name": "the secret", "SecretString": value.to_string()})).into_response()
        }
    }
}
