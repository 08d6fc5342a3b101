//! Speaking to the counter.

use std::future::Future;
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
use thiserror::Error;

use crate::store::StoreError;
use crate::wire::{Request, error_type};

/// Why the counter gave no answer.
#[derive(Debug, Error)]
pub enum CounterError {
    /// Lambda runs as many counters as it may, and throttled every try: nothing was decided.
    #[error("the counter is throttled by Lambda")]
    Throttled {
        /// What Lambda said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The counter could not be reached. Whether it decided something is not known.
    #[error("the counter could not be invoked")]
    Invoke {
        /// What the invoke, or the way to it, said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The counter ran, and failed or refused the request.
    #[error("the counter answered with error {error_type}: {message}")]
    Failed {
        /// Its type, one of [`wire::error_type`](crate::wire::error_type) or Lambda's own.
        error_type: String,
        /// What it says.
        message: String,
    },
    /// The table could not be asked, where the holder decides for itself.
    #[error("the table could not be asked")]
    Table {
        /// Why not.
        source: StoreError,
    },
    /// The counter's answer can't be read.
    #[error("the counter's answer can't be read")]
    Answer {
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl CounterError {
    /// Whether a decision may have been made all the same, only its answer be lost.
    #[must_use]
    pub fn may_have_decided(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Table { source: StoreError::UnknownPool(_) } => false,
            Self::Invoke { .. } | Self::Answer { .. } | Self::Table { .. } => true,
            Self::Failed { error_type: kind, .. } => {
                ![error_type::INVALID_REQUEST, error_type::UNKNOWN_POOL].contains(&kind.as_str())
            }
        }
    }
}

/// Whoever decides.
pub trait Counter: Send + Sync {
    /// Puts a request and returns the answer's payload.
    ///
    /// # Errors
    /// [`CounterError`].
    fn call(&self, request: &Request) -> impl Future<Output = Result<Value, CounterError>> + Send;

    /// Puts a request and reads the answer.
    ///
    /// # Errors
    /// [`CounterError`].
    fn ask<A: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> impl Future<Output = Result<A, CounterError>> + Send {
        async {
            let answer = self.call(request).await?;
            serde_json::from_value(answer).map_err(|source| CounterError::Answer { source })
        }
    }

    /// Whether its decisions keep within the pool. Only a [`Bypass`](super::Bypass) does not.
    fn protects(&self) -> bool {
        true
    }

    /// Whether it decides here, in this process, so that what it decides is in nobody else's log.
    fn decides(&self) -> bool {
        false
    }
}

/// The counter Lambda, invoked by its name or ARN.
///
/// An acquire that is the first attempt is sent once, and repeated as the second one: only so can the counter
/// tell whether it may refuse it without asking the table. When Lambda throttles the last try, it is certain that
/// nothing was decided only if it has throttled all of them, the SDK's own retries included; else one that was not
/// answered may have been granted.
#[derive(Debug, Clone)]
pub struct LambdaCounter {
    client: Client,
    function: String,
}

/// The tries of one call, as the SDK sends them.
#[derive(Debug, Clone, Default)]
struct Tries(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU32,
    throttled: AtomicU32,
}

impl Tries {
    /// Whether Lambda throttled each of them. That is counted, because of a try that is not answered at all nothing
    /// is heard but that it was sent.
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

/// What Lambda returns in place of an answer when a function fails.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
}

impl LambdaCounter {
    /// The counter that is the function `function`.
    pub fn new(client: Client, function: impl Into<String>) -> Self {
        Self { client, function: function.into() }
    }

    async fn invoke(
        &self,
        request: &Request,
        retries: Option<RetryConfig>,
        tries: &Tries,
    ) -> Result<InvokeOutput, SdkError<InvokeError>> {
        let mut config = aws_sdk_lambda::Config::builder().interceptor(tries.clone());
        config.set_retry_config(retries);
        let payload = Blob::new(request.payload().to_string());
        let invoke = self.client.invoke().function_name(&self.function).payload(payload);
        invoke.customize().config_override(config).send().await
    }
}

impl Counter for LambdaCounter {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        let tries = Tries::default();
        let sent = match request.repeated() {
            Some(again) => {
                match self.invoke(request, Some(RetryConfig::disabled()), &tries).await {
                    Err(_) => self.invoke(&again, None, &tries).await,
                    answered => answered,
                }
            }
            None => self.invoke(request, None, &tries).await,
        };
        // Of an acquire that is not the first attempt, its caller has sent others before.
        let others_before =
            matches!(request, Request::Acquire { .. }) && !request.is_a_first_attempt();
        let answered = sent.map_err(|error| match error.as_service_error() {
            Some(InvokeError::TooManyRequestsException(_))
                if tries.were_all_throttled() && !others_before =>
            {
                CounterError::Throttled { source: Box::new(error) }
            }
            _ => CounterError::Invoke { source: Box::new(error) },
        })?;
        let payload = answered.payload().map(AsRef::as_ref).unwrap_or_default();
        let unreadable = |source| CounterError::Answer { source };
        if answered.function_error().is_some() {
            let error: FunctionError = serde_json::from_slice(payload).map_err(unreadable)?;
            let (error_type, message) = (error.error_type, error.error_message);
            return Err(CounterError::Failed { error_type, message });
        }
        serde_json::from_slice(payload).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_decided_nothing_and_a_lost_one_may_have() {
        let failed = |kind: &str| CounterError::Failed {
            error_type: kind.to_owned(),
            message: String::new(),
        };
        assert!(!failed(error_type::INVALID_REQUEST).may_have_decided());
        assert!(!failed(error_type::UNKNOWN_POOL).may_have_decided());
        assert!(failed(error_type::STORE_UNAVAILABLE).may_have_decided());
        assert!(failed("Sandbox.Timedout").may_have_decided());
        let lost = || Box::new(std::io::Error::other("lost"));
        assert!(!CounterError::Throttled { source: lost() }.may_have_decided());
        assert!(CounterError::Invoke { source: lost() }.may_have_decided());
        let unknown = StoreError::UnknownPool("p".parse().expect("a name"));
        assert!(!CounterError::Table { source: unknown }.may_have_decided());
        let (phase, pool) = ("acquire", "p".parse().expect("a name"));
        let table = StoreError::Table { phase, pool, source: lost() };
        assert!(CounterError::Table { source: table }.may_have_decided());
    }
}
