//! The versions of a secret, by their staging labels.

use std::collections::HashMap;

use thiserror::Error;

/// The label of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The version in use.
    Current,
    /// The version that a rotation is about to make the current one.
    Pending,
    /// The version that was the current one before.
    Previous,
}

impl Stage {
    /// The label, as Secrets Manager knows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Pending => "AWSPENDING",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// What a secret says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// False when rotation is turned off.
    pub rotation_enabled: bool,
    /// The labels of each version, by its id.
    pub labels: HashMap<String, Vec<String>>,
}

/// Why a version can't be rotated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotRotatable {
    /// Somebody turned rotation off.
    #[error("rotation is not enabled for the secret")]
    Disabled,
    /// The token is of another secret, or of a version that is gone.
    #[error("the secret has no version with the id of the event's ClientRequestToken")]
    NoSuchVersion,
    /// The rotation was given up, or another one has been begun.
    #[error("the version of the event's ClientRequestToken is not labelled AWSPENDING")]
    NotPending,
}

impl Versions {
    /// Whether there is something to be done about the version `token`: not so when it is the current
    /// one already, which is how a step finds things that is repeated after the rotation was finished.
    ///
    /// # Errors
    /// [`NotRotatable`].
    pub fn is_rotating_to(&self, token: &str) -> Result<bool, NotRotatable> {
        if !self.rotation_enabled {
            return Err(NotRotatable::Disabled);
        }
        if !self.labels.contains_key(token) {
            return Err(NotRotatable::NoSuchVersion);
        }
        if self.has(token, Stage::Current) {
            return Ok(false);
        }
        if self.has(token, Stage::Pending) { Ok(true) } else { Err(NotRotatable::NotPending) }
    }

    /// The id of the version with this label.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Option<&str> {
        self.labels.keys().map(String::as_str).find(|id| self.has(id, stage))
    }

    fn has(&self, id: &str, stage: Stage) -> bool {
        let labels = self.labels.get(id).into_iter().flatten();
        labels.into_iter().any(|label| label == stage.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(labels: &[(&str, &[&str])]) -> Versions {
        let owned = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
        let labels = labels.iter().map(|&(id, labels)| (id.to_owned(), owned(labels))).collect();
        Versions { rotation_enabled: true, labels }
    }

    #[test]
    fn a_pending_version_is_rotated_to() {
        let rotating = versions(&[("old", &["AWSCURRENT"]), ("new", &["mine", "AWSPENDING"])]);
        assert_eq!(rotating.is_rotating_to("new"), Ok(true));
        assert_eq!(rotating.at(Stage::Current), Some("old"));
        assert_eq!(rotating.at(Stage::Previous), None);
    }

    #[test]
    fn the_current_version_is_done_with_also_while_it_is_still_called_pending() {
        for labels in [&["AWSCURRENT"][..], &["AWSPENDING", "AWSCURRENT"]] {
            let done = versions(&[("old", &["AWSPREVIOUS"]), ("new", labels)]);
            assert_eq!(done.is_rotating_to("new"), Ok(false));
        }
    }

    #[test]
    fn what_is_not_to_be_rotated_to_is_told_apart() {
        let rotating = versions(&[("old", &["AWSCURRENT"]), ("new", &["AWSPENDING"]), ("x", &[])]);
        assert_eq!(rotating.is_rotating_to("y"), Err(NotRotatable::NoSuchVersion));
        assert_eq!(rotating.is_rotating_to("x"), Err(NotRotatable::NotPending));
        let disabled = Versions { rotation_enabled: false, ..rotating };
        assert_eq!(disabled.is_rotating_to("new"), Err(NotRotatable::Disabled));
        assert_eq!(disabled.is_rotating_to("old"), Err(NotRotatable::Disabled));
    }
}
