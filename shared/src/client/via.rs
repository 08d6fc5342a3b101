//! The two ways to a decision.

use std::str::FromStr;

use aws_config::SdkConfig;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use thiserror::Error;

use super::{Counter, CounterError, LambdaCounter};
use crate::aws;
use crate::controller::Controller;
use crate::env::{self, EnvError};
use crate::store::DynamoStore;
use crate::time::SystemClock;
use crate::wire::Request;

/// Who decides, by `ADMISSION_VIA`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Via {
    /// `counter`: the counter Lambda, `COUNTER_FUNCTION`, is invoked.
    #[default]
    Counter,
    /// `table`: the function itself, in the table `TABLE_NAME`.
    Table,
}

/// A text that is no [`Via`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be \"counter\" or \"table\"")]
pub struct InvalidVia;

impl FromStr for Via {
    type Err = InvalidVia;

    fn from_str(text: &str) -> Result<Self, InvalidVia> {
        match text {
            "counter" => Ok(Self::Counter),
            "table" => Ok(Self::Table),
            _ => Err(InvalidVia),
        }
    }
}

/// Whoever decides for a function.
#[derive(Debug, Clone)]
pub enum Door {
    /// The counter.
    Counter(LambdaCounter),
    /// The function itself.
    Table(Controller<DynamoStore<SystemClock>, SystemClock>),
}

impl Door {
    /// The way that the environment says, `ADMISSION_VIA` with `COUNTER_FUNCTION` or `TABLE_NAME`.
    ///
    /// # Errors
    /// [`EnvError`] when one of these is missing or makes no sense.
    pub fn from_env(config: &SdkConfig) -> Result<Self, EnvError> {
        Ok(match env::or("ADMISSION_VIA", Via::default())? {
            Via::Counter => {
                let function: String = env::required("COUNTER_FUNCTION")?;
                Self::Counter(LambdaCounter::new(aws::counter_client(config), function))
            }
            Via::Table => {
                let table: String = env::required("TABLE_NAME")?;
                let store = DynamoStore::new(aws::table_client(config), table, SystemClock);
                let dice = StdRng::from_rng(&mut rand::rng());
                Self::Table(Controller::new(store, SystemClock, dice))
            }
        })
    }
}

impl Counter for Door {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        match self {
            Self::Counter(counter) => counter.call(request).await,
            Self::Table(controller) => controller.call(request).await,
        }
    }

    fn decides(&self) -> bool {
        match self {
            Self::Counter(counter) => counter.decides(),
            Self::Table(controller) => controller.decides(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_ways_and_the_counter_is_the_usual_one() {
        assert_eq!(Via::default(), Via::Counter);
        assert_eq!("counter".parse(), Ok(Via::Counter));
        assert_eq!("table".parse(), Ok(Via::Table));
        for text in ["", "Table", "direct", "dynamodb"] {
            assert_eq!(text.parse::<Via>(), Err(InvalidVia), "{text}");
        }
    }
}
