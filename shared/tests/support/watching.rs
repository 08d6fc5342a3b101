//! A counter that looks at the server at the moment of each release.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::{Arc, Mutex};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::client::{Counter, CounterError};
use rds_admission::wire::Request;
use serde_json::Value;

/// Transactions that the server has open, or is rolling back.
const OPEN: &str = "SELECT COUNT(*) FROM information_schema.INNODB_TRX";

/// The counter, and a connection to look with.
#[derive(Clone)]
pub(crate) struct Watching<C> {
    pub(crate) counter: C,
    observer: Arc<tokio::sync::Mutex<Conn>>,
    releases: Arc<Mutex<Vec<u64>>>,
}

impl<C> Watching<C> {
    pub(crate) fn new(counter: C, observer: Conn) -> Self {
        Self { counter, observer: Arc::new(observer.into()), releases: Arc::default() }
    }

    /// The transactions that were open on the server at each release so far.
    pub(crate) fn releases(&self) -> Vec<u64> {
        self.releases.lock().expect("not poisoned").clone()
    }

    /// The transactions that are open on the server now.
    pub(crate) async fn open(&self) -> u64 {
        self.observer.lock().await.query_first(OPEN).await.expect("an answer").expect("a row")
    }
}

impl<C: Counter> Counter for Watching<C> {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        if matches!(request, Request::Release { .. }) {
            let open = self.open().await;
            self.releases.lock().expect("not poisoned").push(open);
        }
        self.counter.call(request).await
    }
}
