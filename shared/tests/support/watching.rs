//! A counter that looks at the server at the moment of each release.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::{Arc, Mutex};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::backend::{Backend, BackendFuture, BackendKind};
use rds_admission::wire::{
    AcquireAnswer, AcquireRequest, ReleaseAnswer, ReleaseRequest, RenewAnswer, RenewRequest,
};

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

impl<C: Backend> Backend for Watching<C> {
    fn kind(&self) -> BackendKind {
        self.counter.kind()
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        self.counter.acquire(request)
    }

    fn renew<'a>(&'a self, request: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        self.counter.renew(request)
    }

    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(async {
            let open = self.open().await;
            self.releases.lock().expect("not poisoned").push(open);
            self.counter.release(request).await
        })
    }
}
