//! A function's configuration, from its environment, read once at its start.

use std::str::FromStr;

use thiserror::Error;

/// A variable that is missing or makes no sense.
#[derive(Debug, Error)]
pub enum EnvError {
    /// Not set, or empty.
    #[error("environment variable {name} is not set")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// Set to something that it can't be.
    #[error("environment variable {name} is {value:?}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// Its value. Nothing secret is configured by environment.
        value: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The value of a variable.
///
/// # Errors
/// [`EnvError`] when it is missing, empty or no `T`.
pub fn required<T>(name: &'static str) -> Result<T, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let value = read(name)?.ok_or(EnvError::Missing { name })?;
    parse(name, value)
}

/// The value of a variable, or `default` when it is not set or empty.
///
/// # Errors
/// [`EnvError::Invalid`] when it is set to no `T`.
pub fn or<T>(name: &'static str, default: T) -> Result<T, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    read(name)?.map_or(Ok(default), |value| parse(name, value))
}

/// What a variable is set to. An empty one counts as not set: CloudFormation can't leave one out.
fn read(name: &'static str) -> Result<Option<String>, EnvError> {
    use std::env::VarError::{NotPresent, NotUnicode};
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(NotPresent) => Ok(None),
        Err(NotUnicode(value)) => Err(EnvError::Invalid {
            name,
            value: value.to_string_lossy().into_owned(),
            source: "must be Unicode".into(),
        }),
    }
}

fn parse<T>(name: &'static str, value: String) -> Result<T, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    value.parse().map_err(|source: T::Err| EnvError::Invalid { name, value, source: source.into() })
}
