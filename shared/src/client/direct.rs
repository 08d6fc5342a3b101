//! Deciding oneself: the table without the counter's hop.

use serde_json::Value;

use super::{Counter, CounterError};
use crate::controller::Controller;
use crate::store::SlotStore;
use crate::time::Clock;
use crate::wire::Request;

/// A function that may use the table decides for itself, by the same writes under the same conditions: what
/// holds through the counter holds so too.
///
/// It saves the invoke, and the counter's time. What it remembers of a pool it has from its own requests
/// only, of which one instance of a Lambda has fewer than a counter that serves many.
impl<S: SlotStore + 'static, C: Clock + 'static> Counter for Controller<S, C> {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        let answered =
            self.answer(request).await.map_err(|source| CounterError::Table { source })?;
        serde_json::to_value(answered.answer).map_err(|source| CounterError::Answer { source })
    }

    fn decides(&self) -> bool {
        true
    }
}
