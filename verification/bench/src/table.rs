//! The pool table of the database under test.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use rds_admission::store::DynamoStore;
use rds_admission::time::SystemClock;
use support::capacity::Meter;

/// The key attribute.
pub const KEY: &str = "RDBMSName";

/// An item: attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// A table with a client for it.
#[derive(Debug, Clone)]
pub struct Table {
    /// The client.
    pub client: Client,
    /// The table's name.
    pub name: String,
}

impl Table {
    /// The table `name` at `endpoint`.
    #[must_use]
    pub fn at(endpoint: &str, name: &str) -> Self {
        Self { client: Client::from_conf(config(endpoint).build()), name: name.to_owned() }
    }

    /// The same, with a client that counts capacity units. Counting takes time: never use it for latencies.
    #[must_use]
    pub fn metered(endpoint: &str, name: &str) -> (Self, Meter) {
        let meter = Meter::default();
        let client = Client::from_conf(config(endpoint).interceptor(meter.clone()).build());
        (Self { client, name: name.to_owned() }, meter)
    }

    /// Creates the table as the template does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create(&self) -> Result<()> {
        let attribute = AttributeDefinition::builder()
            .attribute_name(KEY)
            .attribute_type(ScalarAttributeType::S)
            .build()?;
        let schema =
            KeySchemaElement::builder().attribute_name(KEY).key_type(KeyType::Hash).build()?;
        self.client
            .create_table()
            .table_name(&self.name)
            .attribute_definitions(attribute)
            .key_schema(schema)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .context("creating the table")?;
        Ok(())
    }

    /// A store on this table.
    #[must_use]
    pub fn store(&self) -> DynamoStore<SystemClock> {
        DynamoStore::new(self.client.clone(), &self.name, SystemClock)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// When there is none.
    pub async fn item(&self, name: &str) -> Result<Item> {
        let key = AttributeValue::S(name.to_owned());
        let read = self.client.get_item().table_name(&self.name).key(KEY, key);
        let read = read.consistent_read(true).send().await.context("reading an item")?;
        read.item.with_context(|| format!("no item {name}"))
    }

    /// Writes an item under this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put(&self, name: &str, mut item: Item) -> Result<()> {
        item.insert(KEY.to_owned(), AttributeValue::S(name.to_owned()));
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        put.send().await.context("putting an item")?;
        Ok(())
    }
}

/// `n` as an attribute value.
#[must_use]
pub fn number(n: u32) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// The configuration for an emulator, with test credentials.
fn config(endpoint: &str) -> Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
        .endpoint_url(endpoint)
}
