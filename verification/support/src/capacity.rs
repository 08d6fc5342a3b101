//! Capacity units that requests consume, as DynamoDB reports and bills them.

use std::collections::HashMap;
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
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, ReturnConsumedCapacity};

/// Consumed capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    /// HTTP requests, retries included.
    pub requests: u32,
    /// Write units of applied writes.
    pub writes: f64,
    /// Write units of writes whose condition failed; they are billed like the others.
    pub refused: f64,
    /// Read units.
    pub reads: f64,
}

impl Used {
    /// The price of a write unit in read units: on demand, a million cost 0.625 and 0.125 USD in us-east-1
    /// (<https://aws.amazon.com/dynamodb/pricing/on-demand/>).
    pub const WRITE_IN_READS: f64 = 5.0;

    /// Read units spent without a grant: on reads, and on writes whose condition failed.
    #[must_use]
    pub fn wasted(&self) -> f64 {
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

/// An interceptor that requests the consumed capacity and adds it up.
///
/// A response to a failed condition reports none; its units are computed from the item that it returns.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Used>>);

impl Meter {
    /// The sum since the meter was made.
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
                    self.lock().refused += write_units(refused.item().map_or(0, item_bytes));
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

/// The size of an item in bytes, as DynamoDB counts it
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>). Covers
/// the types that a pool's item has; others count as 0.
#[must_use]
pub fn item_bytes<S: std::hash::BuildHasher>(item: &HashMap<String, AttributeValue, S>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => {
            let digits = number.trim_start_matches(['-', '0']).trim_end_matches('0');
            digits.len().div_ceil(2) + 1
        }
        AttributeValue::Bool(_) => 1,
        AttributeValue::M(map) => {
            let members = map.iter().map(|(name, value)| name.len() + value_bytes(value) + 1);
            3 + members.sum::<usize>()
        }
        _ => 0,
    }
}

/// The write units of an item of this many bytes: one for each started KB.
#[must_use]
pub fn write_units(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes.div_ceil(1_024).max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_as_large_as_dynamodb_documents() {
        let number = |n: u32| AttributeValue::N(n.to_string());
        let lease = |n: u32| (format!("lease{n:03}"), number(1_764_000_035));
        let item = HashMap::from([
            ("RDBMSName".to_owned(), AttributeValue::S("Prod_MySQL".to_owned())),
            ("InUse".to_owned(), number(17)),
            ("Drain".to_owned(), AttributeValue::Bool(true)),
            ("Leases".to_owned(), AttributeValue::M((0..2).map(lease).collect())),
        ]);
        let expected = (9 + 10) + (5 + 2) + (5 + 1) + (6 + 3 + 2 * (8 + 6 + 1));
        assert_eq!(item_bytes(&item), expected);
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "whole numbers")]
    fn each_started_kilobyte_is_a_unit() {
        assert_eq!([0, 1_024, 1_025].map(write_units), [1.0, 1.0, 2.0]);
        assert_eq!(item_bytes(&HashMap::new()), 0);
    }
}
