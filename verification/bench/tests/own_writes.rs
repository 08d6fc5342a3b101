//! The measured copies of the store's requests equal the store's requests.
#![allow(missing_docs)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::AttributeValue;
use bench::decider::StoreDecider;
use bench::pools::{Occupancy, Pools};
use bench::server::Server;
use bench::subject::{Decided, Operation, OwnWrites, Step, Subject};
use bench::table::Table;

/// Records all updates.
#[derive(Debug, Clone, Default)]
struct Sent(Arc<Mutex<Vec<UpdateItemInput>>>);

impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "Sent"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(update) = context.input().downcast_ref::<UpdateItemInput>() {
            self.0.lock().expect("not poisoned").push(update.clone());
        }
        Ok(())
    }
}

impl Sent {
    /// The updates of a subject, with lease and expiry replaced by constants.
    async fn by(&self, subject: &dyn Subject) -> Vec<UpdateItemInput> {
        subject.once(0).await.expect("a slot");
        let mut sent = std::mem::take(&mut *self.0.lock().expect("not poisoned"));
        for update in &mut sent {
            for lease in update.expression_attribute_names.iter_mut().flat_map(|n| n.values_mut()) {
                "lease".clone_into(lease);
            }
            let values = update.expression_attribute_values.as_mut();
            if let Some(expiry) = values.and_then(|values| values.get_mut(":expiry")) {
                *expiry = AttributeValue::N("0".to_owned());
            }
        }
        sent
    }
}

#[tokio::test]
async fn the_last_step_sends_what_the_store_sends() {
    let server = Server::start(Path::new(env!("CARGO_BIN_EXE_bench"))).await.expect("a server");
    let plain = Table::at(server.endpoint(), "slots");
    plain.create().await.expect("a table");
    let pools = Pools::fill(&plain, Occupancy::QUIET, 1).await.expect("a pool");
    let sent = Sent::default();
    let config = plain.client.config().to_builder().interceptor(sent.clone()).build();
    let table = Table { client: Client::from_conf(config), ..plain };

    let store = Decided::new(Arc::new(StoreDecider::new(&table)), pools.clone(), Operation::Pair);
    // The first one reads the pool.
    store.once(0).await.expect("a slot");
    sent.0.lock().expect("not poisoned").clear();
    let by_the_store = sent.by(&store).await;
    assert_eq!(by_the_store.len(), 2);
    let own = |step| OwnWrites::new(table.clone(), pools.clone(), step);
    assert_eq!(sent.by(&own(Step::Returned)).await, by_the_store);
    for less in [Step::Changed, Step::Guarded] {
        assert_ne!(sent.by(&own(less)).await, by_the_store, "{less:?}");
    }
}
