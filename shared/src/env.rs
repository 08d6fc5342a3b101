//! A function's configuration, read from environment variables when it starts.

use std::str::FromStr;

use thiserror::Error;

use crate::pool::warm::{InvalidKeep, Warm};
use crate::time::Seconds;

/// An environment variable that is missing or invalid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnvError {
    /// Unset, or empty.
    #[error("environment variable {name} is not set")]
    Missing {
        /// Name of the variable.
        name: &'static str,
    },
    /// Set to a value that cannot be parsed.
    #[error("environment variable {name} is {value:?}")]
    Invalid {
        /// Name of the variable.
        name: &'static str,
        /// Its value. No secret is configured through the environment.
        value: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Returns the value of a variable.
///
/// # Errors
/// [`EnvError::Missing`] when it is unset or empty, [`EnvError::Invalid`] when it is no `T`.
pub fn required<T>(name: &'static str) -> Result<T, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    optional(name)?.ok_or(EnvError::Missing { name })
}

/// Returns the value of a variable, or `default` when it is unset or empty.
///
/// # Errors
/// [`EnvError::Invalid`] when its value is no `T`.
pub fn or<T>(name: &'static str, default: T) -> Result<T, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    Ok(optional(name)?.unwrap_or(default))
}

/// Returns how warm slots are kept, from `WARM_SLOT_SECONDS` and `WARM_BELOW`. `None`, the default, keeps none;
/// so does `WARM_SLOT_SECONDS=0`.
///
/// # Errors
/// [`EnvError::Invalid`] when either is out of range.
pub fn warm_slots() -> Result<Option<Warm>, EnvError> {
    let KeepSetting(warm) = or("WARM_SLOT_SECONDS", KeepSetting(None))?;
    let below = or("WARM_BELOW", Warm::BELOW)?;
    Ok(warm.map(|warm| warm.while_below(below)))
}

/// CloudFormation cannot leave a variable out: an empty one counts as unset.
fn optional<T>(name: &'static str) -> Result<Option<T>, EnvError>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    use std::env::VarError::{NotPresent, NotUnicode};
    let invalid = |value, source| EnvError::Invalid { name, value, source };
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => match value.parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(error) => Err(invalid(value, T::Err::into(error))),
        },
        Err(NotPresent) => Ok(None),
        Err(NotUnicode(value)) => {
            Err(invalid(value.to_string_lossy().into_owned(), "must be Unicode".into()))
        }
    }
}

#[derive(Debug, PartialEq)]
struct KeepSetting(Option<Warm>);

impl FromStr for KeepSetting {
    type Err = InvalidKeep;

    fn from_str(text: &str) -> Result<Self, InvalidKeep> {
        match text.parse().map_err(|_| InvalidKeep)? {
            0 => Ok(Self(None)),
            keep => Warm::new(Seconds(keep), Warm::BELOW).map(Some).map(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_kept_for_a_number_of_seconds_or_not_at_all() {
        assert_eq!("0".parse(), Ok(KeepSetting(None)));
        let kept = |keep| KeepSetting(Some(Warm::new(Seconds(keep), Warm::BELOW).expect("a time")));
        assert_eq!("1".parse(), Ok(kept(1)));
        assert_eq!("60".parse(), Ok(kept(60)));
        for text in ["", "61", "-1", "1.5", "x"] {
            assert_eq!(text.parse::<KeepSetting>(), Err(InvalidKeep), "{text}");
        }
    }
}
