//! The capacity units of each request, as the database reports them.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// An interceptor that requests and records the consumed capacity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capacity {
    units: Arc<Mutex<Vec<f64>>>,
    requests: Arc<Mutex<u32>>,
}

impl Capacity {
    /// The units of each request since the last call, and the number of requests, which includes refused writes
    /// (they report no units).
    pub(crate) fn take(&self) -> (Vec<f64>, u32) {
        let units = std::mem::take(&mut *self.units.lock().expect("not poisoned"));
        let requests = std::mem::take(&mut *self.requests.lock().expect("not poisoned"));
        (units, requests)
    }
}

impl Intercept for Capacity {
    fn name(&self) -> &'static str {
        "Capacity"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
            update.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        } else if let Some(get) = input.downcast_mut::<GetItemInput>() {
            get.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.requests.lock().expect("not poisoned") += 1;
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Ok(output)) = context.output_or_error() else { return Ok(()) };
        let consumed = match output.downcast_ref::<UpdateItemOutput>() {
            Some(update) => update.consumed_capacity(),
            None => {
                output.downcast_ref::<GetItemOutput>().and_then(GetItemOutput::consumed_capacity)
            }
        };
        let units = consumed.and_then(ConsumedCapacity::capacity_units);
        self.units.lock().expect("not poisoned").extend(units);
        Ok(())
    }
}
