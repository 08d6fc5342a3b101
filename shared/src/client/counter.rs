//! Speaking to the counter.

use std::future::Future;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::error::SdkError;
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
    /// Lambda runs as many counters as it may.
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
/// tell whether it may refuse it without asking the table.
#[derive(Debug, Clone)]
pub struct LambdaCounter {
    client: Client,
    function: String,
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
    ) -> Result<InvokeOutput, SdkError<InvokeError>> {
        let mut config = aws_sdk_lambda::Config::builder();
        config.set_retry_config(retries);
        let payload = Blob::new(request.payload().to_string());
        let invoke = self.client.invoke().function_name(&self.function).payload(payload);
        invoke.customize().config_override(config).send().await
    }
}

impl Counter for LambdaCounter {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        let sent = match request.repeated() {
            Some(again) => match self.invoke(request, Some(RetryConfig::disabled())).await {
                Err(_) => self.invoke(&again, None).await,
                answered => answered,
            },
            None => self.invoke(request, None).await,
        };
        let answered = sent.map_err(|error| match error.as_service_error() {
            Some(InvokeError::TooManyRequestsException(_)) => {
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
