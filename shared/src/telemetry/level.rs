//! The log level.

use std::str::FromStr;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A level, and levels of single modules
/// (<https://docs.rs/tracing-subscriber/0.3/tracing_subscriber/filter/struct.EnvFilter.html#directives>).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Level(String);

/// An invalid `LOG_LEVEL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "must be trace, debug, info, warn, error or off; others for some modules may follow, as in \
     info,rds_admission=debug"
)]
pub struct InvalidLevel;

impl FromStr for Level {
    type Err = InvalidLevel;

    /// Rejects a word that is no level, such as `WARNING`. The filter would take it for the name of a module and log
    /// that module alone.
    fn from_str(text: &str) -> Result<Self, InvalidLevel> {
        let of_modules = |word: &&str| word.contains(['=', '[']);
        let mut words = text.split(',').filter(|word| !of_modules(word));
        if !words.all(|word| word.parse::<LevelFilter>().is_ok()) {
            return Err(InvalidLevel);
        }
        EnvFilter::builder().parse(text).map_err(|_| InvalidLevel)?;
        Ok(Self(text.to_owned()))
    }
}

impl Level {
    /// Returns the filter. Modules without a level log from `info` up.
    pub(super) fn filter(&self) -> EnvFilter {
        let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        let of_all = if self.0.split(',').any(is_level) { "" } else { "info," };
        EnvFilter::builder().parse_lossy(format!("{of_all}{}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(level: &str) -> String {
        level.parse::<Level>().expect("a level").filter().to_string()
    }

    #[test]
    fn info_is_logged_unless_it_is_said_otherwise() {
        let default = Level::default().filter();
        assert_eq!(default.max_level_hint(), Some(LevelFilter::INFO));
        for (level, hint) in [
            ("warn", LevelFilter::WARN),
            ("WARN", LevelFilter::WARN),
            ("Debug", LevelFilter::DEBUG),
            ("off", LevelFilter::OFF),
            ("2", LevelFilter::WARN),
        ] {
            let filter = level.parse::<Level>().expect("a level").filter();
            assert_eq!(filter.max_level_hint(), Some(hint), "{level}");
        }
    }

    #[test]
    fn a_module_may_have_a_level_of_its_own() {
        assert_eq!(filter("warn,rds_admission=debug"), "rds_admission=debug,warn");
        // All others go on as ever.
        assert_eq!(filter("rds_admission=debug"), "rds_admission=debug,info");
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in [
            "WARNING",
            "warning",
            "information",
            "rds_admission",
            "info,query",
            " warn",
            "warn ",
            "6",
            "-1",
            "rds_admission=WARNING",
            "info;debug",
            "[",
        ] {
            assert_eq!(text.parse::<Level>(), Err(InvalidLevel), "{text:?}");
        }
    }
}
