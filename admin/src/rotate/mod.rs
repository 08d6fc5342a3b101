//! Rotating the database's password, for a single user: one step an invocation, as Secrets Manager
//! asks for them.
//!
//! | step | what it does | what it finds when it is repeated |
//! |---|---|---|
//! | `createSecret` | gives the pending version a new password | a pending version with one: kept |
//! | `setSecret` | gives the database the pending password | a database that has it: left alone |
//! | `testSecret` | logs in with it | the same |
//! | `finishSecret` | makes the pending version the current one | a version that is: left alone |
//!
//! So a step that ended anywhere can be asked for again, and so can the whole rotation.

mod account;
mod document;
mod event;
pub mod lambda;
mod metrics;
mod vault;
mod versions;

pub use account::{Account, AccountError};
pub use document::Document;
pub use event::{Event, Step};
pub use vault::{Vault, VaultError};
pub use versions::{NotRotatable, Stage, Versions};

use std::sync::Arc;
use std::time::Duration;

use metrics::metrics;
use rds_admission::backend::Backend;
use rds_admission::client::{Admission, AdmissionError, Admitted, Held, Slot};
use rds_admission::pool::{Class, PoolName};
use rds_admission::session::SessionOptions;
use rds_admission::telemetry::Metrics;
use rds_admission::time::Deadline;
use rds_admission::wire::Reason;
use thiserror::Error;

/// The time that a step which takes a slot needs at the most, when all goes well.
const ENOUGH: Duration = Duration::from_secs(15);

/// Rotates the passwords of databases that share a pool.
#[derive(Debug)]
pub struct Rotation {
    vault: Vault,
    admission: Admission,
    options: SessionOptions,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was carried out.
    Now,
    /// It had been carried out before.
    Before,
    /// The rotation is finished already.
    AlreadyCurrent,
}

impl Done {
    /// Its name in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Now => "done",
            Self::Before => "done-before",
            Self::AlreadyCurrent => "already-current",
        }
    }
}

/// Why a step was not carried out. Secrets Manager asks again.
#[derive(Debug, Error)]
pub enum RotateError {
    /// The event is not about a rotation that is under way.
    #[error(transparent)]
    NotRotatable(#[from] NotRotatable),
    /// The secret could not be read or written.
    #[error("secret")]
    Vault(#[from] VaultError),
    /// There was no slot for a connection, or no time.
    #[error("no connection")]
    Admission(#[from] AdmissionError),
    /// The database could not be asked or changed.
    #[error("database")]
    Account(#[from] AccountError),
    /// The pending version is of another user or server than the current one: whoever wrote it could
    /// have the current one's password sent there, or another account's changed.
    #[error("the pending version is of another user or server than the current one")]
    AnotherAccount,
    /// The database was given a password that the secret does not know.
    #[error(
        "neither the pending, the current nor the previous password lets in: set the database's to \
         the current one by hand"
    )]
    NobodyLetIn,
}

impl RotateError {
    /// The Lambda error's `errorType`.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::NotRotatable(NotRotatable::Disabled) => "RotationDisabled",
            Self::NotRotatable(NotRotatable::NoSuchVersion) => "NoSuchVersion",
            Self::NotRotatable(NotRotatable::NotPending) => "NotPending",
            Self::Vault(_) => "SecretUnavailable",
            Self::Admission(AdmissionError::Rejected(_)) => "NoSlot",
            Self::Admission(AdmissionError::Unavailable { .. }) => "AdmissionUnavailable",
            Self::Admission(AdmissionError::OutOfTime { .. }) => "OutOfTime",
            Self::Account(_) => "DatabaseFailed",
            Self::AnotherAccount => "AnotherAccount",
            Self::NobodyLetIn => "NobodyLetIn",
        }
    }
}

/// A step's result, and how its slot was held, if it took one.
#[derive(Debug)]
pub struct Outcome {
    /// The result.
    pub result: Result<Done, RotateError>,
    /// How the slot was held. A step that ran out of time has it in its result.
    held: Option<Held>,
    /// What was measured, if it wanted one.
    metrics: Option<Metrics>,
}

impl Outcome {
    /// How the slot was held, if the step took one.
    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        match &self.result {
            Err(RotateError::Admission(AdmissionError::OutOfTime { held, .. })) => held.as_ref(),
            _ => self.held.as_ref(),
        }
    }
}

impl From<Result<Done, RotateError>> for Outcome {
    fn from(result: Result<Done, RotateError>) -> Self {
        Self { result, held: None, metrics: None }
    }
}

impl Rotation {
    /// Rotates with the slots that `backend` has for class `priority` in `pool`: a pool that is full
    /// of others must not keep a password from being changed.
    pub fn new(
        vault: Vault,
        backend: Arc<dyn Backend>,
        pool: PoolName,
        options: SessionOptions,
    ) -> Self {
        let admission = Admission::new(backend, pool).with_class(Class::Priority);
        Self { vault, admission, options }
    }

    /// Carries out the step that `event` asks for, before `deadline`, the end of the invocation.
    pub async fn handle(&self, event: &Event, deadline: Deadline) -> Outcome {
        let Event { step, secret_id: secret, token } = event;
        let versions = match self.rotating(secret, token).await {
            Ok(Some(versions)) => versions,
            Ok(None) => return Ok(Done::AlreadyCurrent).into(),
            Err(error) => return Err(error).into(),
        };
        match step {
            Step::CreateSecret => self.create(secret, token).await.into(),
            Step::SetSecret => {
                self.with_slot(deadline, async |slot| self.set(secret, token, &slot).await).await
            }
            Step::TestSecret => {
                self.with_slot(deadline, async |slot| self.test(secret, token, &slot).await).await
            }
            Step::FinishSecret => self.finish(secret, token, &versions).await.into(),
        }
    }

    /// The secret's versions, as long as there is something to be done.
    async fn rotating(&self, secret: &str, token: &str) -> Result<Option<Versions>, RotateError> {
        let versions = self.vault.versions(secret).await?;
        Ok(versions.is_rotating_to(token)?.then_some(versions))
    }

    /// A counter that decides no more at the moment is asked again. A pool that is full is not: the
    /// slots of class `priority` are held by others who look after the database.
    async fn with_slot(
        &self,
        deadline: Deadline,
        work: impl AsyncFn(Slot) -> Result<Done, RotateError>,
    ) -> Outcome {
        loop {
            let came = self.admission.with_slot(deadline, &work).await;
            let metrics = Some(metrics(self.admission.pool(), &came, self.admission.backend()));
            let pause = match came {
                Ok(Admitted { value: result, held }) => {
                    return Outcome { result, held: Some(held), metrics };
                }
                Err(AdmissionError::Rejected(refused))
                    if refused.reason == Reason::Throttled
                        && deadline.left() > refused.retry_after + ENOUGH =>
                {
                    refused.retry_after
                }
                Err(error) => return Outcome { metrics, ..Err(error.into()).into() },
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn create(&self, secret: &str, token: &str) -> Result<Done, RotateError> {
        // Another password than this one may be in the database already.
        if self.vault.find(secret, token, Stage::Pending).await?.is_some() {
            return Ok(Done::Before);
        }
        let current = self.vault.read(secret, token, Stage::Current).await?;
        let pending = current.json_with(&self.vault.new_password().await?);
        let put = self.vault.put_pending(secret, token, &pending).await?;
        Ok(if put { Done::Now } else { Done::Before })
    }

    async fn set(&self, secret: &str, token: &str, slot: &Slot) -> Result<Done, RotateError> {
        let pending = self.vault.read(secret, token, Stage::Pending).await?;
        let current = self.vault.read(secret, token, Stage::Current).await?;
        let (pending, current) = (pending.credentials(), current.credentials());
        if !pending.same_account(current) {
            return Err(RotateError::AnotherAccount);
        }
        let account = Account::new(slot, &self.options);
        if account.lets_in(pending).await? {
            return Ok(Done::Before);
        }
        if account.change(current, &pending.password).await? {
            return Ok(Done::Now);
        }
        // Somebody gave the secret a new value, and not the database.
        let previous = self.vault.find(secret, token, Stage::Previous).await?;
        let previous = previous.as_ref().map(Document::credentials);
        if let Some(previous) = previous.filter(|previous| previous.same_account(current))
            && account.change(previous, &pending.password).await?
        {
            return Ok(Done::Now);
        }
        Err(RotateError::NobodyLetIn)
    }

    async fn test(&self, secret: &str, token: &str, slot: &Slot) -> Result<Done, RotateError> {
        let pending = self.vault.read(secret, token, Stage::Pending).await?;
        Account::new(slot, &self.options).works(pending.credentials()).await?;
        Ok(Done::Now)
    }

    async fn finish(
        &self,
        secret: &str,
        token: &str,
        versions: &Versions,
    ) -> Result<Done, RotateError> {
        let moved = self.vault.make_current(secret, token, versions.at(Stage::Current)).await;
        let Err(error) = moved else { return Ok(Done::Now) };
        // Only its answer may be lost: then it was tried again, and refused for being done.
        match self.rotating(secret, token).await {
            Ok(None) => Ok(Done::Now),
            _ => Err(error.into()),
        }
    }
}
