//! Decisions by the counter Lambda.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lambda::error::{BoxError, SdkError};
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Backend, BackendError, BackendFuture, BackendKind};
use crate::wire::{
    AcquireAnswer, AcquireRequest, ReleaseAnswer, ReleaseRequest, RenewAnswer, RenewRequest,
};

/// Invokes the counter Lambda.
///
/// A first attempt to acquire is sent once with retries disabled, and repeated as the second attempt: the counter may
/// then reject the first one without a table request. When the last try is throttled, it is certain that nothing was
/// decided only if all tries were, the SDK's retries included.
#[derive(Debug, Clone)]
pub struct LambdaBackend {
    client: Client,
    function: String,
}

impl LambdaBackend {
    /// Returns a backend that invokes `function`, by name or ARN.
    pub fn new(client: Client, function: impl Into<String>) -> Self {
        Self { client, function: function.into() }
    }

    async fn invoke(
        &self,
        payload: Value,
        retries: Option<RetryConfig>,
        tries: &Tries,
    ) -> Result<InvokeOutput, SdkError<InvokeError>> {
        let mut config = aws_sdk_lambda::Config::builder().interceptor(tries.clone());
        config.set_retry_config(retries);
        let payload = Blob::new(payload.to_string());
        let invoke = self.client.invoke().function_name(&self.function).payload(payload);
        invoke.customize().config_override(config).send().await
    }
}

impl Backend for LambdaBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Counter
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        Box::pin(async move {
            let tries = Tries::default();
            let retries = request.attempt.map(|_| RetryConfig::disabled());
            let mut sent = self.invoke(request.payload(), retries, &tries).await;
            if sent.is_err()
                && let Some(repeated) = request.repeated()
            {
                sent = self.invoke(repeated.payload(), None, &tries).await;
            }
            // A later attempt follows others, which may have been decided.
            parse(sent, request.is_first_attempt() && tries.were_all_throttled())
        })
    }

    fn renew<'a>(&'a self, request: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        Box::pin(async move {
            let tries = Tries::default();
            let sent = self.invoke(request.payload(), None, &tries).await;
            parse(sent, tries.were_all_throttled())
        })
    }

    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(async move {
            let tries = Tries::default();
            let sent = self.invoke(request.payload(), None, &tries).await;
            parse(sent, tries.were_all_throttled())
        })
    }
}

/// Parses the answer to an invocation. `throttled`: a throttling error means that nothing was decided.
fn parse<A: DeserializeOwned>(
    sent: Result<InvokeOutput, SdkError<InvokeError>>,
    throttled: bool,
) -> Result<A, BackendError> {
    let output = sent.map_err(|error| match error.as_service_error() {
        Some(InvokeError::TooManyRequestsException(_)) if throttled => {
            BackendError::Throttled { source: Box::new(error) }
        }
        _ => BackendError::Invoke { source: Box::new(error) },
    })?;
    let payload = output.payload().map(AsRef::as_ref).unwrap_or_default();
    let unreadable = |source| BackendError::Answer { source };
    if output.function_error().is_some() {
        let error: FunctionError = serde_json::from_slice(payload).map_err(unreadable)?;
        let (error_type, message) = (error.error_type, error.error_message);
        return Err(BackendError::Failed { error_type, message });
    }
    serde_json::from_slice(payload).map_err(unreadable)
}

/// Lambda's response when the function fails.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
}

/// Counts the tries of one request, the SDK's retries included.
#[derive(Debug, Clone, Default)]
struct Tries(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU32,
    throttled: AtomicU32,
}

impl Tries {
    /// Returns whether Lambda throttled every try. Both are counted since a try without any response only shows in
    /// the number sent.
    fn were_all_throttled(&self) -> bool {
        self.0.sent.load(Ordering::Relaxed) == self.0.throttled.load(Ordering::Relaxed)
    }
}

impl Intercept for Tries {
    fn name(&self) -> &'static str {
        "Tries"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().err().and_then(|error| error.as_operation_error());
        let error = error.and_then(|error| error.downcast_ref::<InvokeError>());
        if let Some(InvokeError::TooManyRequestsException(_)) = error {
            self.0.throttled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
