//! An embedded DynamoDB, used by the real SDK over HTTP.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use rds_admission::store::{DynamoStore, PoolAdmin};
use rds_admission::time::{FakeClock, UnixSeconds};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::capacity::Capacity;
use super::faults::Faults;

pub(crate) const TABLE: &str = "slots";
pub(crate) const START: UnixSeconds = UnixSeconds(1_764_000_000);

/// The database; it ends when this is dropped.
pub(crate) struct Dynamo {
    pub(crate) client: Client,
    pub(crate) endpoint: String,
    pub(crate) capacity: Capacity,
    pub(crate) faults: Faults,
    _stop: oneshot::Sender<()>,
}

impl Dynamo {
    /// A database with one empty table, as the template makes it.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let database = dynoxide::Database::memory().expect("a database");
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            // Either way the test is over.
            let _ = stopped.await;
        }));
        let (capacity, faults) = (Capacity::default(), Faults::default());
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&endpoint)
            .interceptor(capacity.clone())
            .interceptor(faults.clone())
            .build();
        let client = Client::from_conf(config);
        create_table(&client).await;
        Self { client, endpoint, capacity, faults, _stop: stop }
    }

    /// A store on the table with a fake clock, and a pool of the template's size.
    pub(crate) async fn store(&self) -> (DynamoStore<Arc<FakeClock>>, Arc<FakeClock>) {
        let clock = Arc::new(FakeClock::at(START));
        let store = DynamoStore::new(self.client.clone(), TABLE, Arc::clone(&clock));
        store.define(&super::pool(), super::t2_micro(), None).await.expect("a pool");
        (store, clock)
    }
}

async fn create_table(client: &Client) {
    let key = "RDBMSName";
    let attribute = AttributeDefinition::builder()
        .attribute_name(key)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .expect("an attribute");
    let schema = KeySchemaElement::builder()
        .attribute_name(key)
        .key_type(KeyType::Hash)
        .build()
        .expect("a key");
    client
        .create_table()
        .table_name(TABLE)
        .attribute_definitions(attribute)
        .key_schema(schema)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("a table");
}
