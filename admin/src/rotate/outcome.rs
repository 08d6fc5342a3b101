//! The outcome of a step.

use rds_admission::client::{AdmissionError, SlotReport};
use rds_admission::telemetry::Metrics;
use thiserror::Error;

use super::account::AccountError;
use super::secret::{NotRotatable, SecretsManagerError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Now,
    /// An earlier invocation of this step did it.
    Before,
    /// The rotation has finished.
    AlreadyCurrent,
}

impl Done {
    /// Returns the name in logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Now => "done",
            Self::Before => "done-before",
            Self::AlreadyCurrent => "already-current",
        }
    }
}

/// A step failed. Secrets Manager repeats it.
#[derive(Debug, Error)]
pub(super) enum RotateError {
    #[error(transparent)]
    NotRotatable(#[from] NotRotatable),
    #[error("secret")]
    Secret(#[from] SecretsManagerError),
    #[error("no connection")]
    Admission(#[from] AdmissionError),
    #[error("database")]
    Account(#[from] AccountError),
    /// Prevents that a forged pending version sends the current password to another server, or changes another
    /// account's password.
    #[error("the pending version is of another user or server than the current one")]
    AnotherAccount,
    #[error(
        "the server accepts neither the pending, the current nor the previous password: set the database's to the \
         current one by hand"
    )]
    NoPasswordAccepted,
}

impl RotateError {
    /// Returns the Lambda error's `errorType`.
    pub(super) fn error_type(&self) -> &'static str {
        match self {
            Self::NotRotatable(NotRotatable::Disabled) => "RotationDisabled",
            Self::NotRotatable(NotRotatable::NoSuchVersion) => "NoSuchVersion",
            Self::NotRotatable(NotRotatable::NotPending) => "NotPending",
            Self::Secret(_) => "SecretUnavailable",
            Self::Admission(AdmissionError::Rejected(_)) => "NoSlot",
            Self::Admission(AdmissionError::Unavailable { .. }) => "AdmissionUnavailable",
            Self::Admission(AdmissionError::OutOfTime { .. }) => "OutOfTime",
            Self::Account(_) => "DatabaseFailed",
            Self::AnotherAccount => "AnotherAccount",
            Self::NoPasswordAccepted => "NobodyLetIn",
        }
    }
}

/// A step's result, with what was logged about its slot.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) result: Result<Done, RotateError>,
    /// The report on the slot, if the step took one.
    pub(super) slot: Option<SlotReport>,
    /// `None` for a step that needs no slot.
    pub(super) metrics: Option<Metrics>,
}

impl From<Result<Done, RotateError>> for Outcome {
    fn from(result: Result<Done, RotateError>) -> Self {
        Self { result, slot: None, metrics: None }
    }
}
