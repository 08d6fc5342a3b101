//! A secret that is kept after it was read.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use tokio::sync::RwLock;
use tokio::time::timeout;

use super::rereads::Rereads;
use super::{Credentials, SecretError};
use crate::telemetry::chain;
use crate::time::Deadline;

/// One secret: a warm instance reads it once, and again when the database refuses the password, when a connection
/// fails for a reason that may lie in the secret (not too often), and when what it has is five minutes old.
///
/// While the password is rotated, the database has the new one some seconds before the secret calls
/// it the current one: then it is the version labelled `AWSPENDING` that lets in
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
#[derive(Debug)]
pub struct SecretCache {
    client: Client,
    id: String,
    max_age: Duration,
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    kept: Option<Kept>,
    rereads: Rereads,
    /// Of logins for which no version of the secret had a password that was let in.
    denials: Rereads,
}

#[derive(Debug)]
struct Kept {
    credentials: Arc<Credentials>,
    /// When it is too old to be used without another look.
    until: Deadline,
    /// Whether a connection failed with it, and the secret has not been read since.
    is_suspect: bool,
}

impl Kept {
    fn is_old(&self) -> bool {
        self.until.left().is_zero()
    }
}

/// The version that is to be used.
const CURRENT: &str = "AWSCURRENT";
/// The version that a rotation is about to make the current one.
const PENDING: &str = "AWSPENDING";

/// How long a read may take that nothing depends on: what was read before will do.
const PATIENCE: Duration = Duration::from_secs(1);
/// After how long it is tried again when it failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

impl SecretCache {
    /// How old what is kept may get: a secret that leads to another database while the old one still answers is
    /// followed within five minutes. An instance that is used all the time reads it twelve times an hour for that,
    /// which costs 0.006 cents.
    pub const MAX_AGE: Duration = Duration::from_mins(5);

    /// The secret of this ARN or name.
    pub fn new(client: Client, id: impl Into<String>) -> Self {
        let inner =
            RwLock::new(Inner { kept: None, rereads: Rereads::new(), denials: Rereads::new() });
        Self { client, id: id.into(), max_age: Self::MAX_AGE, inner }
    }

    /// The same, with what was read kept for `max_age` at the most. Default: [`MAX_AGE`](Self::MAX_AGE).
    #[must_use]
    pub fn with_max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// The credentials that were read last, or that are read now. Those that are too old, or that a connection has
    /// failed with, are read again; where that fails, or takes longer than a second, they are used on. One caller
    /// reads; the others use meanwhile what was read before.
    ///
    /// # Errors
    /// [`SecretError`] when none have been read before.
    pub async fn get(&self) -> Result<Arc<Credentials>, SecretError> {
        if let Some(kept) = &self.inner.read().await.kept
            && !(kept.is_suspect || kept.is_old())
        {
            return Ok(Arc::clone(&kept.credentials));
        }
        let before = {
            let Inner { kept, rereads, .. } = &mut *self.inner.write().await;
            let Some(kept) = kept else {
                let kept = kept.insert(self.keep(self.read_current().await?));
                return Ok(Arc::clone(&kept.credentials));
            };
            let credentials = Arc::clone(&kept.credentials);
            if !(kept.is_old() || kept.is_suspect && rereads.one_more()) {
                return Ok(credentials);
            }
            kept.until = Deadline::within(AFTER_FAILURE);
            kept.is_suspect = false;
            credentials
        };
        // Not under the lock: whoever has use for what is kept does not wait for Secrets Manager.
        let Some(read) = self.read_in_time().await else { return Ok(before) };
        match &mut self.inner.write().await.kept {
            // Somebody else has found others, which may not be the current ones, and let in.
            Some(kept) if !Arc::ptr_eq(&kept.credentials, &before) => {
                Ok(Arc::clone(&kept.credentials))
            }
            kept => Ok(Arc::clone(&kept.insert(self.keep(read)).credentials)),
        }
    }

    /// The credentials that were read last, without a look at the secret. `None` when none have been read.
    pub async fn last_read(&self) -> Option<Arc<Credentials>> {
        let inner = self.inner.read().await;
        inner.kept.as_ref().map(|kept| Arc::clone(&kept.credentials))
    }

    /// Reads the secret anew, whatever was read before.
    ///
    /// # Errors
    /// [`SecretError`]; what was kept is then kept on.
    pub async fn read_anew(&self) -> Result<Arc<Credentials>, SecretError> {
        let mut inner = self.inner.write().await;
        let read = self.read_current().await?;
        Ok(Arc::clone(&inner.kept.insert(self.keep(read)).credentials))
    }

    /// The credentials to try when the database has refused all of `refused`: those that somebody
    /// else has read since, else the current ones, else the pending ones. They are kept from now on.
    /// `None` when the database has refused these as well; another try may find others. Also `None`, and nothing is
    /// read, after three logins at once that found none, and then but for one in three seconds: a password that stays
    /// wrong would else have each request read the secret eight times. No rotation comes to that.
    ///
    /// # Errors
    /// [`SecretError`]; what was kept is then kept on.
    pub async fn other_than(
        &self,
        refused: &[Arc<Credentials>],
    ) -> Result<Option<Arc<Credentials>>, SecretError> {
        let is_new = |read: &Credentials| !refused.iter().any(|refused| refused.logs_in_as(read));
        // Held while it is read: of many that are refused at once, one reads.
        let mut inner = self.inner.write().await;
        if let Some(Kept { credentials, .. }) = &inner.kept
            && is_new(credentials)
        {
            return Ok(Some(Arc::clone(credentials)));
        }
        if !inner.denials.has_room() {
            return Ok(None);
        }
        let mut other = Some(self.read_current().await?).filter(is_new);
        if other.is_none() {
            other = self.read(PENDING).await?.filter(is_new);
        }
        Ok(other.map(|other| Arc::clone(&inner.kept.insert(self.keep(other)).credentials)))
    }

    /// Whether [`other_than`](Self::other_than) may find other credentials when it is asked again.
    pub(crate) async fn may_have_others(&self) -> bool {
        self.inner.read().await.denials.has_room()
    }

    /// A login is given up, since the database has refused all that the secret had.
    pub(crate) async fn all_refused(&self) {
        self.inner.write().await.denials.one_more();
    }

    /// The credentials to try when no connection came about with `failed`, for another reason than its password:
    /// those that somebody else has read since, or the current ones, if they differ. They are kept from now on.
    ///
    /// Not more often than three times at once and then once in three seconds is the secret read for this: while a
    /// database is down, each request would. `None` also when it can't be read within a second. What could not be
    /// read now is read by the next [`get`](Self::get) for which there is room.
    pub async fn in_place_of(&self, failed: &Credentials) -> Option<Arc<Credentials>> {
        let is_new = |read: &Credentials| !(read.logs_in_as(failed) && read.leads_where(failed));
        let mut inner = self.inner.write().await;
        if let Some(Kept { credentials, .. }) = &inner.kept
            && is_new(credentials)
        {
            return Some(Arc::clone(credentials));
        }
        let may = inner.rereads.one_more();
        let read = if may { self.read_in_time().await } else { None };
        match (read, &mut inner.kept) {
            (Some(read), kept) if is_new(&read) => {
                Some(Arc::clone(&kept.insert(self.keep(read)).credentials))
            }
            (read, Some(kept)) => {
                kept.is_suspect = read.is_none();
                None
            }
            (_, None) => None,
        }
    }

    /// Has the secret read before it is used again, unless that was done since `failed` was read. For a connection
    /// of which nothing was heard: nobody waits for a read then.
    pub(crate) async fn suspect(&self, failed: &Arc<Credentials>) {
        if let Some(kept) = &mut self.inner.write().await.kept
            && Arc::ptr_eq(&kept.credentials, failed)
        {
            kept.is_suspect = true;
        }
    }

    fn keep(&self, read: Credentials) -> Kept {
        let until = Deadline::within(self.max_age);
        Kept { credentials: Arc::new(read), until, is_suspect: false }
    }

    /// The current version, if it can be read within a second. Nothing depends on it.
    async fn read_in_time(&self) -> Option<Credentials> {
        let cause = match timeout(PATIENCE, self.read_current()).await {
            Ok(Ok(read)) => return Some(read),
            Ok(Err(error)) => chain(&error),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        tracing::warn!(cause, "the secret could not be read again: what was read before is used");
        None
    }

    async fn read_current(&self) -> Result<Credentials, SecretError> {
        self.read(CURRENT).await?.ok_or(SecretError::Shape { field: "a value" })
    }

    /// The version with this label; `None` when there is none, or it has no value yet. A secret
    /// without a current version is not there at all.
    async fn read(&self, stage: &str) -> Result<Option<Credentials>, SecretError> {
        let request = self.client.get_secret_value().secret_id(&self.id).version_stage(stage);
        let secret = match request.send().await {
            Ok(secret) => secret,
            Err(error) => {
                let missing = error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception);
                if missing && stage != CURRENT {
                    return Ok(None);
                }
                return Err(SecretError::Read { source: Box::new(error) });
            }
        };
        let json = match (secret.secret_string(), secret.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(binary)) => binary.as_ref(),
            (None, None) => return Ok(None),
        };
        Credentials::from_json(json).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::config::{BehaviorVersion, Config};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_read_is_kept_for_five_minutes_unless_it_is_said_otherwise() {
        let config = Config::builder().behavior_version(BehaviorVersion::latest()).build();
        let cache = SecretCache::new(Client::from_conf(config), "the secret");
        let read = || {
            let json = br#"{"username":"a","password":"b","host":"c"}"#;
            Credentials::from_json(json).expect("credentials")
        };
        let kept = cache.keep(read());
        tokio::time::advance(Duration::from_secs(299)).await;
        assert!(!kept.until.left().is_zero());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(kept.until.left().is_zero());
        let shorter = cache.with_max_age(Duration::from_secs(1)).keep(read());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(shorter.until.left().is_zero());
    }
}
