//! Counts the employees while holding a slot.

use std::time::Duration;

use rds_admission::client::{Admission, AdmissionError, Reported};
use rds_admission::secret::SecretError;
use rds_admission::session::{LoginError, Session, SessionError};
use rds_admission::sessions::Sessions;
use rds_admission::time::Deadline;
use thiserror::Error;

/// The table is created by the stack's `init` function.
const COUNT: &str = "SELECT COUNT(*) FROM Employees";

/// The employees in the database.
#[derive(Debug)]
pub struct Employees {
    sessions: Sessions,
    hold: Duration,
}

/// Why a count failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// No slot was granted, or the time ran out.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The credentials could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The connection or the statement failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The `COUNT(*)` returned no row.
    #[error("the count returned no row")]
    NoRow,
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Secret(error) => Self::Secret(error),
            LoginError::Session(error) => Self::Session(error),
        }
    }
}

impl Employees {
    /// Returns the employees in the database of `sessions`.
    pub fn new(sessions: Sessions) -> Self {
        Self { sessions, hold: Duration::ZERO }
    }

    /// Adds `SELECT SLEEP(hold)` before each count, to simulate a slow query.
    #[must_use]
    pub fn holding(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// Returns the admission that grants the slots.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        self.sessions.admission()
    }

    /// Counts the employees under a slot, which is released, or kept, before this returns.
    pub async fn count(&self, deadline: Deadline) -> Reported<u64, Failure> {
        let count = async |session: &mut Session| self.count_in(session).await;
        self.sessions.with_session_reported(deadline, count).await
    }

    async fn count_in(&self, session: &mut Session) -> Result<u64, Failure> {
        if !self.hold.is_zero() {
            let sleep = format!("SELECT SLEEP({:.3})", self.hold.as_secs_f64());
            session.query_first::<u8>(&sleep).await?;
        }
        session.query_first(COUNT).await?.ok_or(Failure::NoRow)
    }
}
