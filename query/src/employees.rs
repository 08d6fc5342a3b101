//! Counting the employees, with a slot in hand.

use std::time::Duration;

use rds_admission::client::{Admission, AdmissionError, Admitted, Counter, Slot};
use rds_admission::pool::PoolName;
use rds_admission::secret::{SecretCache, SecretError};
use rds_admission::session::{LoginError, Session, SessionError, SessionOptions};
use rds_admission::time::Deadline;
use thiserror::Error;

/// The table is created by the stack's `init` function.
const COUNT: &str = "SELECT COUNT(*) FROM Employees";

/// The employees in the database.
#[derive(Debug)]
pub struct Employees<C> {
    admission: Admission<C>,
    secret: SecretCache,
    options: SessionOptions,
    hold: Duration,
}

/// Why they could not be counted although there was a slot.
#[derive(Debug, Error)]
pub enum Failure {
    /// There are no credentials.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no connection, or no result.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The table is empty of answers: a `COUNT(*)` without a row.
    #[error("the count came without a row")]
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

impl<C: Counter + 'static> Employees<C> {
    /// The employees in the database that `secret` leads to, as far as `admission` lets in.
    pub fn new(admission: Admission<C>, secret: SecretCache, options: SessionOptions) -> Self {
        Self { admission, secret, options, hold: Duration::ZERO }
    }

    /// The same, with the connection held for `hold` by a statement that sleeps on the server: it
    /// stands for a slow query.
    #[must_use]
    pub fn holding(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// The pool whose slots they are counted under.
    #[must_use]
    pub fn pool(&self) -> &PoolName {
        self.admission.pool()
    }

    /// Whether no more connections are opened than there are slots.
    #[must_use]
    pub fn protected(&self) -> bool {
        self.admission.protects()
    }

    /// Whether slots are decided about in this process.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.admission.decides()
    }

    /// Counts the employees under a slot, which is back before this returns.
    ///
    /// # Errors
    /// [`AdmissionError`] when there was no slot, or no time.
    pub async fn count(
        &self,
        deadline: Deadline,
    ) -> Result<Admitted<Result<u64, Failure>>, AdmissionError> {
        self.admission.with_slot(deadline, async |slot| self.count_under(slot).await).await
    }

    async fn count_under(&self, slot: Slot) -> Result<u64, Failure> {
        let mut session = Session::log_in(&slot, &self.options, &self.secret).await?;
        let counted = self.count_in(&mut session).await;
        session.close().await;
        counted
    }

    async fn count_in(&self, session: &mut Session) -> Result<u64, Failure> {
        if !self.hold.is_zero() {
            let sleep = format!("SELECT SLEEP({:.3})", self.hold.as_secs_f64());
            session.query_first::<u8>(&sleep).await?;
        }
        session.query_first(COUNT).await?.ok_or(Failure::NoRow)
    }
}
