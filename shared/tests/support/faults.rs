//! Failing writes after a number of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;

/// An interceptor that fails further writes, as if the process had ended.
#[derive(Debug, Clone)]
pub(crate) struct Faults(Arc<AtomicU32>);

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(u32::MAX)))
    }
}

impl Faults {
    /// Lets this number of writes through, and fails the others.
    pub(crate) fn fail_writes_after(&self, writes: u32) {
        self.0.store(writes, Ordering::SeqCst);
    }

    /// Lets all writes through.
    pub(crate) fn none(&self) {
        self.fail_writes_after(u32::MAX);
    }
}

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "Faults"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        let writes = input.downcast_mut::<UpdateItemInput>().is_some()
            || input.downcast_mut::<DeleteItemInput>().is_some();
        let one_less = |left: u32| if left == u32::MAX { Some(left) } else { left.checked_sub(1) };
        let passes =
            !writes || self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        if passes { Ok(()) } else { Err("no more writes".into()) }
    }
}
