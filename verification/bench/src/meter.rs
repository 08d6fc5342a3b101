//! What requests use, in capacity units.

use std::ops::Sub;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::update_item::{
    UpdateItemError, UpdateItemInput, UpdateItemOutput,
};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

use crate::size;

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    /// HTTP requests, each try of one that was tried again.
    pub requests: u32,
    /// Write units of writes that were applied.
    pub writes: f64,
    /// Write units of writes that were refused by their condition: they are billed like the others.
    pub refused: f64,
    /// Read units.
    pub reads: f64,
}

impl Used {
    /// What a read is worth where a write is 1: on demand, a million of either cost 0.125 and 0.625 USD in
    /// us-east-1 (<https://aws.amazon.com/dynamodb/pricing/on-demand/>).
    pub const WRITE_IN_READS: f64 = 5.0;

    /// What was used in vain, in read units: looks, and writes that were refused.
    #[must_use]
    pub fn in_vain(&self) -> f64 {
        self.reads + Self::WRITE_IN_READS * self.refused
    }
}

impl Sub for Used {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            writes: self.writes - earlier.writes,
            refused: self.refused - earlier.refused,
            reads: self.reads - earlier.reads,
        }
    }
}

/// Asks for the consumed capacity with every request, and sums up the answers.
///
/// A write that is refused is billed, and its answer says nothing of that; it is counted by the size of the
/// item, which stands in the answer.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Used>>);

impl Meter {
    /// What was used up to now.
    #[must_use]
    pub fn used(&self) -> Used {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
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
        self.lock().requests += 1;
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.output_or_error() {
            Some(Ok(output)) => {
                if let Some(update) = output.downcast_ref::<UpdateItemOutput>() {
                    self.lock().writes += units(update.consumed_capacity());
                } else if let Some(get) = output.downcast_ref::<GetItemOutput>() {
                    self.lock().reads += units(get.consumed_capacity());
                }
            }
            Some(Err(error)) => {
                let error = error.as_operation_error().and_then(|error| error.downcast_ref());
                if let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error {
                    let bytes = refused.item().map_or(0, size::bytes);
                    self.lock().refused += size::write_units(bytes);
                }
            }
            None => {}
        }
        Ok(())
    }
}

fn units(consumed: Option<&ConsumedCapacity>) -> f64 {
    consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default()
}
