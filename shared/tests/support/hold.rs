//! Work under a slot that returns any value, not a result, with the report on the slot.
#![allow(dead_code, reason = "each test file uses its part")]

use rds_admission::client::{Admission, AdmissionError, Slot, SlotReport};
use rds_admission::session::{LoginError, Session};
use rds_admission::sessions::Sessions;
use rds_admission::time::Deadline;

/// The value of some work, and the report on its slot.
#[derive(Debug)]
pub(crate) struct Admitted<T> {
    pub(crate) value: T,
    pub(crate) held: SlotReport,
}

/// Why the work did not run to its end.
#[derive(Debug)]
pub(crate) enum Ended {
    Admission(AdmissionError),
    Login(LoginError),
}

impl From<AdmissionError> for Ended {
    fn from(error: AdmissionError) -> Self {
        Self::Admission(error)
    }
}

impl From<LoginError> for Ended {
    fn from(error: LoginError) -> Self {
        Self::Login(error)
    }
}

pub(crate) trait HoldSlot {
    async fn hold<T>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(Slot) -> T,
    ) -> Result<Admitted<T>, AdmissionError>;
}

impl HoldSlot for Admission {
    async fn hold<T>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(Slot) -> T,
    ) -> Result<Admitted<T>, AdmissionError> {
        let work = async |slot| Ok::<_, AdmissionError>(work(slot).await);
        let reported = self.with_slot_reported(deadline, work).await;
        let value = reported.result?;
        Ok(Admitted { value, held: reported.slot.expect("there was a slot") })
    }
}

pub(crate) trait HoldSession {
    async fn hold<T>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(&mut Session) -> T,
    ) -> Result<Admitted<Result<T, LoginError>>, AdmissionError>;
}

impl HoldSession for Sessions {
    async fn hold<T>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(&mut Session) -> T,
    ) -> Result<Admitted<Result<T, LoginError>>, AdmissionError> {
        let work = async |session: &mut Session| Ok::<_, Ended>(work(session).await);
        let reported = self.with_session_reported(deadline, work).await;
        let value = match reported.result {
            Ok(value) => Ok(value),
            Err(Ended::Login(error)) => Err(error),
            Err(Ended::Admission(error)) => return Err(error),
        };
        Ok(Admitted { value, held: reported.slot.expect("there was a slot") })
    }
}
