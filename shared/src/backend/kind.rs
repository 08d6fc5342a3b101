//! The choice of a backend by environment variables.

use std::str::FromStr;

use thiserror::Error;

use crate::env::{self, EnvError};

/// The kinds of backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BackendKind {
    /// The counter Lambda decides (`LambdaBackend`). Its log and metrics have the decisions.
    #[default]
    Counter,
    /// This process decides by writing to the table ([`Controller`](crate::controller::Controller)), and emits the
    /// metrics of its decisions itself.
    Table,
    /// Every request is granted ([`Bypass`](super::Bypass)): the database is not protected.
    Bypass,
}

impl BackendKind {
    /// Returns the backend that the environment selects: [`Bypass`](Self::Bypass) by `ADMISSION=bypass`, else by
    /// `ADMISSION_VIA`.
    ///
    /// # Errors
    /// [`EnvError`] when a variable has another value than those.
    pub fn from_env() -> Result<Self, EnvError> {
        let Switch { bypass } = env::or("ADMISSION", Switch { bypass: false })?;
        if bypass { Ok(Self::Bypass) } else { Self::via_from_env() }
    }

    /// Returns the backend that `ADMISSION_VIA` selects: `counter` (the default) or `table`.
    ///
    /// # Errors
    /// [`EnvError`] when the variable has another value.
    pub fn via_from_env() -> Result<Self, EnvError> {
        env::or("ADMISSION_VIA", Self::default())
    }

    /// Returns a backend of this kind, for the function `COUNTER_FUNCTION` or the table `TABLE_NAME`.
    ///
    /// # Errors
    /// [`EnvError`] when that variable is missing.
    #[cfg(all(feature = "client", feature = "direct"))]
    pub fn connect(
        self,
        config: &aws_config::SdkConfig,
    ) -> Result<std::sync::Arc<dyn super::Backend>, EnvError> {
        use std::sync::Arc;

        use rand::SeedableRng;
        use rand::rngs::StdRng;

        use super::{Bypass, LambdaBackend};
        use crate::aws;
        use crate::controller::Controller;
        use crate::store::DynamoStore;
        use crate::time::SystemClock;

        Ok(match self {
            Self::Counter => {
                let function: String = env::required("COUNTER_FUNCTION")?;
                Arc::new(LambdaBackend::new(aws::counter_client(config), function))
            }
            Self::Table => {
                let table: String = env::required("TABLE_NAME")?;
                let store = DynamoStore::new(aws::table_client(config), table, SystemClock);
                let rng = StdRng::from_rng(&mut rand::rng());
                Arc::new(Controller::new(store, SystemClock, rng))
            }
            Self::Bypass => Arc::new(<Bypass>::default()),
        })
    }
}

/// A value that `ADMISSION_VIA` can't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be \"counter\" or \"table\"")]
pub struct InvalidBackendKind;

/// Parses a value of `ADMISSION_VIA`, which can't select the bypass.
impl FromStr for BackendKind {
    type Err = InvalidBackendKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "counter" => Ok(Self::Counter),
            "table" => Ok(Self::Table),
            _ => Err(InvalidBackendKind),
        }
    }
}

/// The value of `ADMISSION`.
#[derive(Debug, PartialEq)]
struct Switch {
    bypass: bool,
}

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self { bypass: false }),
            "bypass" => Ok(Self { bypass: true }),
            _ => Err("must be \"on\" or \"bypass\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_ways_and_the_counter_is_the_default() {
        assert_eq!(BackendKind::default(), BackendKind::Counter);
        assert_eq!("counter".parse(), Ok(BackendKind::Counter));
        assert_eq!("table".parse(), Ok(BackendKind::Table));
        for text in ["", "Table", "direct", "dynamodb", "bypass"] {
            assert_eq!(text.parse::<BackendKind>(), Err(InvalidBackendKind), "{text}");
        }
    }

    #[test]
    fn nothing_but_the_word_bypasses() {
        assert_eq!("on".parse(), Ok(Switch { bypass: false }));
        assert_eq!("bypass".parse(), Ok(Switch { bypass: true }));
        for text in ["", "off", "Bypass", "true", " bypass"] {
            text.parse::<Switch>().expect_err(text);
        }
    }
}
