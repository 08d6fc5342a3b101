//! A function's configuration, from its environment, read once at its start.

use std::str::FromStr;

use thiserror::Error;

/// A variable that is missing or makes no sense.
#[derive(Debug, Error)]
pub enum EnvError {
    /// Not set, or not Unicode.
    #[error("environment variable {name} is missing")]
    Missing {
        /// Its name.
        name: &'static str,
        /// What the environment said.
        source: std::env::VarError,
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
/// [`EnvError`] when it is missing or no `T`.
pub fn required<T>(name: &'static str) -> Result<T, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let value = std::env::var(name).map_err(|source| EnvError::Missing { name, source })?;
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
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => parse(name, value),
        _ => Ok(default),
    }
}

fn parse<T>(name: &'static str, value: String) -> Result<T, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    value.parse().map_err(|source: T::Err| EnvError::Invalid { name, value, source: source.into() })
}
