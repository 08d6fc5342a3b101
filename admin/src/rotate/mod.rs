//! Rotates the database's password, with the single-user strategy. Secrets Manager invokes one step at a time:
//!
//! | step | effect | if repeated |
//! |---|---|---|
//! | `createSecret` | stores a new password as the pending version | keeps the stored one |
//! | `setSecret` | changes the database's password to the pending one | does nothing |
//! | `testSecret` | logs in with it | logs in again |
//! | `finishSecret` | makes the pending version the current one | does nothing |
//!
//! So each step, and the whole rotation, can be repeated after it was interrupted anywhere.

mod account;
mod event;
pub mod lambda;
mod metrics;
mod outcome;
mod secret;

pub use account::{Account, AccountError};

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use rds_admission::backend::Backend;
use rds_admission::client::{Admission, AdmissionError, Slot};
use rds_admission::pool::{Class, PoolName};
use rds_admission::session::SessionOptions;
use rds_admission::time::Deadline;
use rds_admission::wire::Reason;

use event::{Event, Step};
use metrics::metrics;
use outcome::{Done, Outcome, RotateError};
use secret::{RotatedSecret, Stage, Versions};

/// Longest duration of a step that needs a slot, if nothing fails.
const STEP_TIME: Duration = Duration::from_secs(15);

/// Rotates the passwords of databases that share a pool.
#[derive(Debug)]
pub struct Rotation {
    client: Client,
    admission: Admission,
    options: SessionOptions,
}

impl Rotation {
    /// Creates a rotation that takes slots of class `priority` in `pool`, so that a full pool does not prevent it.
    pub fn new(
        client: Client,
        backend: Arc<dyn Backend>,
        pool: PoolName,
        options: SessionOptions,
    ) -> Self {
        let admission = Admission::new(backend, pool).with_class(Class::Priority);
        Self { client, admission, options }
    }

    /// Runs one step before `deadline`, the end of the invocation.
    async fn handle(&self, event: &Event, deadline: Deadline) -> Outcome {
        let Event { step, secret_id: id, token } = event;
        let secret = RotatedSecret { client: &self.client, id, token };
        let versions = match versions(secret).await {
            Ok(Some(versions)) => versions,
            Ok(None) => return Ok(Done::AlreadyCurrent).into(),
            Err(error) => return Err(error).into(),
        };
        match step {
            Step::Create => create(secret).await.into(),
            Step::Set => self.with_slot(deadline, async |slot| self.set(secret, &slot).await).await,
            Step::Test => {
                self.with_slot(deadline, async |slot| self.test(secret, &slot).await).await
            }
            Step::Finish => finish(secret, &versions).await.into(),
        }
    }

    /// Runs `work` with a slot. Retries while the backend is throttled, but not while the pool is full: its priority
    /// slots are in use by other administrative work.
    async fn with_slot(
        &self,
        deadline: Deadline,
        work: impl AsyncFn(Slot) -> Result<Done, RotateError>,
    ) -> Outcome {
        loop {
            let step = self.admission.with_slot_reported(deadline, &work).await;
            if let Err(RotateError::Admission(AdmissionError::Rejected(refused))) = &step.result
                && refused.reason == Reason::Throttled
                && deadline.left() > refused.retry_after + STEP_TIME
            {
                tokio::time::sleep(refused.retry_after).await;
                continue;
            }
            let metrics = Some(metrics(self.admission.pool(), &step, self.admission.backend()));
            return Outcome { result: step.result, slot: step.slot, metrics };
        }
    }

    async fn set(&self, secret: RotatedSecret<'_>, slot: &Slot) -> Result<Done, RotateError> {
        let pending = secret.read(Stage::Pending).await?.credentials;
        let current = secret.read(Stage::Current).await?.credentials;
        if !pending.same_account(&current) {
            return Err(RotateError::AnotherAccount);
        }
        let account = Account::new(slot, &self.options);
        if account.accepts(&pending).await? {
            return Ok(Done::Before);
        }
        if account.change_password(&current, &pending.password).await? {
            return Ok(Done::Now);
        }
        // The secret's value was changed, but not the database's password.
        let previous = secret.find(Stage::Previous).await?.map(|document| document.credentials);
        if let Some(previous) = previous.filter(|previous| previous.same_account(&current))
            && account.change_password(&previous, &pending.password).await?
        {
            return Ok(Done::Now);
        }
        Err(RotateError::NoPasswordAccepted)
    }

    async fn test(&self, secret: RotatedSecret<'_>, slot: &Slot) -> Result<Done, RotateError> {
        let pending = secret.read(Stage::Pending).await?;
        Account::new(slot, &self.options).test(&pending.credentials).await?;
        Ok(Done::Now)
    }
}

/// Returns the secret's versions, or `None` if the rotation has finished.
async fn versions(secret: RotatedSecret<'_>) -> Result<Option<Versions>, RotateError> {
    let versions = secret.versions().await?;
    Ok(versions.is_rotating_to(secret.token)?.then_some(versions))
}

async fn create(secret: RotatedSecret<'_>) -> Result<Done, RotateError> {
    // The database may have this password already, so it must not be replaced.
    if secret.find(Stage::Pending).await?.is_some() {
        return Ok(Done::Before);
    }
    let current = secret.read(Stage::Current).await?;
    let pending = current.json_with(&secret.new_password().await?);
    let put = secret.put_pending(&pending).await?;
    Ok(if put { Done::Now } else { Done::Before })
}

async fn finish(secret: RotatedSecret<'_>, before: &Versions) -> Result<Done, RotateError> {
    let moved = secret.make_current(before.id_of(Stage::Current)).await;
    let Err(error) = moved else { return Ok(Done::Now) };
    // If only the response was lost, the SDK's retry fails because the version is current already.
    match versions(secret).await {
        Ok(None) => Ok(Done::Now),
        _ => Err(error.into()),
    }
}
