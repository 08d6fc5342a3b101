//! Secrets Manager, as far as one secret goes that never changes, over HTTP.

use std::net::Ipv4Addr;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials as Keys, Region};
use axum::routing::post;
use axum::{Json, Router};
use rds_admission::secret::SecretCache;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A secret of this content.
pub(crate) async fn secret(content: &Value) -> SecretCache {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Json(json!({"Name": "the secret", "SecretString": content.to_string()}));
    let routes = Router::new().route("/", post(async move || answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Keys::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    SecretCache::new(Client::from_conf(config), "the secret")
}
