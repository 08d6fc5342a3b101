//! An HTTP fake of `GetSecretValue` of Secrets Manager.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// State of the secret at the start of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// The instance has read it before.
    Kept,
    /// It has to be read.
    New,
    /// The instance has read it before, and since then the password has changed.
    Outdated,
    /// The same, and the new password is still `AWSPENDING`.
    Rotating,
    /// It cannot be read.
    Failing,
}

impl Secret {
    pub(crate) const ALL: [Self; 5] =
        [Self::Kept, Self::New, Self::Outdated, Self::Rotating, Self::Failing];
}

/// Answers, last one first. The final one repeats.
type Answers = Arc<Mutex<Vec<Option<Value>>>>;

/// The fake service.
pub(crate) struct Vault {
    endpoint: String,
    answers: Answers,
}

impl Vault {
    pub(crate) async fn open() -> Self {
        let answers = Answers::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new().route("/", post(answer)).with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { endpoint, answers }
    }

    /// Sets the answers for `secret`. `right` has the valid credentials.
    pub(crate) fn hold(&self, secret: Secret, right: &Value) {
        let mut wrong = right.clone();
        wrong["password"] = json!("of yesterday");
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = match secret {
            Secret::Kept | Secret::New => vec![Some(right.clone())],
            // The last one first.
            Secret::Outdated => vec![Some(right.clone()), Some(wrong)],
            Secret::Rotating => vec![Some(right.clone()), Some(wrong.clone()), Some(wrong)],
            Secret::Failing => vec![None],
        };
    }

    pub(crate) fn client(&self) -> Client {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.endpoint)
            .build();
        Client::from_conf(config)
    }
}

async fn answer(State(answers): State<Answers>) -> Response {
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
    let Some(secret) = answer.flatten() else {
        let error = json!({"__type": "ResourceNotFoundException", "Message": "gone"});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    Json(json!({"Name": "the secret", "SecretString": secret.to_string()})).into_response()
}
