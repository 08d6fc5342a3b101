//! How a function is told to keep slots.

use std::str::FromStr;

use crate::env::{self, EnvError};
use crate::pool::warm::{InvalidKeep, Warm};
use crate::time::Seconds;

/// How slots are kept, by `WARM_SLOT_SECONDS` and `WARM_BELOW`; `None` when they are not, which is the default
/// and `WARM_SLOT_SECONDS=0`.
///
/// # Errors
/// [`EnvError`] when one of the two makes no sense.
pub fn from_env() -> Result<Option<Warm>, EnvError> {
    let Setting(warm) = env::or("WARM_SLOT_SECONDS", Setting(None))?;
    let below = env::or("WARM_BELOW", Warm::BELOW)?;
    Ok(warm.map(|warm| warm.while_below(below)))
}

#[derive(Debug, PartialEq)]
struct Setting(Option<Warm>);

impl FromStr for Setting {
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
        assert_eq!("0".parse(), Ok(Setting(None)));
        let kept = |keep| Setting(Some(Warm::new(Seconds(keep), Warm::BELOW).expect("a time")));
        assert_eq!("1".parse(), Ok(kept(1)));
        assert_eq!("60".parse(), Ok(kept(60)));
        for text in ["", "61", "-1", "1.5", "x"] {
            assert_eq!(text.parse::<Setting>(), Err(InvalidKeep), "{text}");
        }
    }
}
