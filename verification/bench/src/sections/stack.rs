//! The local stack, as far as it concerns these measurements.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use serde::Deserialize;

use crate::table::Table;

/// What `stack.json` says of the counter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stack {
    aws_endpoint: String,
    region: String,
    pub(super) counter_function: String,
    table: String,
}

impl Stack {
    /// Reads the file.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).context("reading the stack's description")?;
        serde_json::from_str(&text).context("reading the stack's description")
    }

    /// Its table of pools.
    pub(super) fn table(&self) -> Table {
        Table::at(&self.aws_endpoint, &self.table)
    }

    /// A client that invokes its functions.
    pub(super) fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
            .endpoint_url(&self.aws_endpoint)
            .build();
        aws_sdk_lambda::Client::from_conf(config)
    }
}
