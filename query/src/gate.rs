//! Whom the query asks for a slot.

use std::str::FromStr;

use rds_admission::client::{Bypass, Counter, CounterError, Door};
use rds_admission::wire::Request;
use serde_json::Value;
use thiserror::Error;

/// Whether slots are asked for, by `ADMISSION`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// `on`: without a slot, there is no connection.
    #[default]
    On,
    /// `bypass`: nobody is asked. For emergencies; see [`Bypass`].
    Bypass,
}

/// A text that is no [`Mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be \"on\" or \"bypass\"")]
pub struct InvalidMode;

impl FromStr for Mode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        match text {
            "on" => Ok(Self::On),
            "bypass" => Ok(Self::Bypass),
            _ => Err(InvalidMode),
        }
    }
}

/// The door, or the way past it.
#[derive(Debug, Clone)]
pub enum Gate {
    /// The counter decides, or the function itself.
    Door(Door),
    /// Nobody does.
    Bypass(Bypass),
}

impl Counter for Gate {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        match self {
            Self::Door(door) => door.call(request).await,
            Self::Bypass(bypass) => bypass.call(request).await,
        }
    }

    fn protects(&self) -> bool {
        match self {
            Self::Door(door) => door.protects(),
            Self::Bypass(bypass) => bypass.protects(),
        }
    }

    fn decides(&self) -> bool {
        match self {
            Self::Door(door) => door.decides(),
            Self::Bypass(bypass) => bypass.decides(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_word_bypasses() {
        assert_eq!("on".parse(), Ok(Mode::On));
        assert_eq!("bypass".parse(), Ok(Mode::Bypass));
        for text in ["", "off", "Bypass", "true", " bypass"] {
            assert_eq!(text.parse::<Mode>(), Err(InvalidMode), "{text}");
        }
        assert_eq!(Mode::default(), Mode::On);
    }
}
