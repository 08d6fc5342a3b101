//! A cached secret.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use tokio::sync::RwLock;
use tokio::time::timeout;

use super::credentials::{Credentials, SecretError};
use crate::telemetry::chain;
use crate::time::Deadline;

/// One secret of Secrets Manager, cached. It is read again when it is too old, when the database rejects the password,
/// and, at a limited rate, when a connection fails for a reason that another version of the secret may cure.
///
/// During a rotation the database has the new password some seconds before the secret's `AWSCURRENT` version does:
/// then the `AWSPENDING` version succeeds
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
#[derive(Debug)]
pub struct SecretCache {
    client: Client,
    id: String,
    max_age: Duration,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    cached: Option<Entry>,
    rereads: RateLimit,
    /// Logins for which no version of the secret had an accepted password.
    denials: RateLimit,
}

#[derive(Debug)]
struct Entry {
    credentials: Arc<Credentials>,
    /// When it must be read again.
    until: Deadline,
    /// Whether a connection failed with it, and the secret has not been read since.
    is_suspect: bool,
}

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// Timeout of a read for which the cached value can stand in.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause after such a read failed.
const RETRY_AFTER: Duration = Duration::from_secs(10);

impl SecretCache {
    /// Default age at which the secret is read again. A secret that leads to another database while the old one still
    /// answers is followed within this time. Twelve reads an hour cost 0.006 cents.
    pub const MAX_AGE: Duration = Duration::from_mins(5);

    /// Creates a cache for the secret with this ARN or name. Nothing is read yet.
    pub fn new(client: Client, id: impl Into<String>) -> Self {
        let state = State { cached: None, rereads: RateLimit::new(), denials: RateLimit::new() };
        Self { client, id: id.into(), max_age: Self::MAX_AGE, state: RwLock::new(state) }
    }

    /// Sets the age at which the secret is read again. Default: [`MAX_AGE`](Self::MAX_AGE).
    #[must_use]
    pub fn with_max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// Returns the credentials, cached or read. Those that are too old, or that a connection failed with, are read
    /// again by one caller while the others use the old ones. Where that read fails, or takes more than a second, the
    /// old ones are used on.
    ///
    /// # Errors
    /// [`SecretError`] when nothing is cached and the secret cannot be read, or is malformed.
    pub async fn get(&self) -> Result<Arc<Credentials>, SecretError> {
        if let Some(entry) = &self.state.read().await.cached
            && !(entry.is_suspect || entry.until.left().is_zero())
        {
            return Ok(Arc::clone(&entry.credentials));
        }
        let before = {
            let State { cached, rereads, .. } = &mut *self.state.write().await;
            let Some(entry) = cached else {
                let entry = cached.insert(self.entry(self.read_current().await?));
                return Ok(Arc::clone(&entry.credentials));
            };
            let credentials = Arc::clone(&entry.credentials);
            let is_due = entry.until.left().is_zero() || entry.is_suspect && rereads.try_use();
            if !is_due {
                return Ok(credentials);
            }
            entry.until = Deadline::within(RETRY_AFTER);
            entry.is_suspect = false;
            credentials
        };
        // Without the lock, so that other callers do not wait for Secrets Manager.
        let Some(read) = self.try_refresh().await else { return Ok(before) };
        match &mut self.state.write().await.cached {
            // Another caller has cached a version that succeeded, which may not be the current one.
            Some(entry) if !Arc::ptr_eq(&entry.credentials, &before) => {
                Ok(Arc::clone(&entry.credentials))
            }
            cached => Ok(Arc::clone(&cached.insert(self.entry(read)).credentials)),
        }
    }

    /// Returns the cached credentials, of any age, without reading the secret.
    pub async fn cached(&self) -> Option<Arc<Credentials>> {
        self.state.read().await.cached.as_ref().map(|entry| Arc::clone(&entry.credentials))
    }

    /// Reads the secret now.
    ///
    /// # Errors
    /// [`SecretError`] when it cannot be read, or is malformed; what was cached remains.
    pub async fn refresh(&self) -> Result<Arc<Credentials>, SecretError> {
        let mut state = self.state.write().await;
        let read = self.read_current().await?;
        Ok(Arc::clone(&state.cached.insert(self.entry(read)).credentials))
    }

    /// Returns credentials that are not among those that the database has `refused`, and caches them: those that
    /// another caller has read since, or the current version, or the pending one. `None` when there are none yet.
    ///
    /// Three logins that found none, and then one every three seconds, may read the secret. Others get `None`: while a
    /// password is wrong, each request would otherwise read the secret eight times.
    ///
    /// # Errors
    /// [`SecretError`] when the secret cannot be read, or is malformed; what was cached remains.
    pub async fn alternative_to(
        &self,
        refused: &[Arc<Credentials>],
    ) -> Result<Option<Arc<Credentials>>, SecretError> {
        let is_new = |read: &Credentials| !refused.iter().any(|refused| refused.same_login(read));
        // Held during the read: of many concurrent callers one reads.
        let mut state = self.state.write().await;
        if let Some(entry) = &state.cached
            && is_new(&entry.credentials)
        {
            return Ok(Some(Arc::clone(&entry.credentials)));
        }
        if !state.denials.has_room() {
            return Ok(None);
        }
        let mut other = Some(self.read_current().await?).filter(is_new);
        if other.is_none() {
            other = self.read(PENDING).await?.filter(is_new);
        }
        Ok(other.map(|other| Arc::clone(&state.cached.insert(self.entry(other)).credentials)))
    }

    /// Returns whether [`alternative_to`](Self::alternative_to) may read the secret.
    pub(crate) async fn may_have_alternatives(&self) -> bool {
        self.state.read().await.denials.has_room()
    }

    /// Counts a login for which the database rejected every version of the secret.
    pub(crate) async fn record_denial(&self) {
        self.state.write().await.denials.try_use();
    }

    /// Returns credentials that differ from `failed`, with which a connection failed for another reason than its
    /// password, and caches them: those that another caller has read since, or the current version.
    ///
    /// Three calls, and then one every three seconds, may read the secret: while a database is down each request would.
    /// `None` also when the read fails or takes more than a second; a later [`get`](Self::get) then repeats it.
    pub async fn replacement_for(&self, failed: &Credentials) -> Option<Arc<Credentials>> {
        let is_new = |read: &Credentials| !(read.same_login(failed) && read.same_database(failed));
        let mut state = self.state.write().await;
        if let Some(entry) = &state.cached
            && is_new(&entry.credentials)
        {
            return Some(Arc::clone(&entry.credentials));
        }
        let read = if state.rereads.try_use() { self.try_refresh().await } else { None };
        match (read, &mut state.cached) {
            (Some(read), cached) if is_new(&read) => {
                Some(Arc::clone(&cached.insert(self.entry(read)).credentials))
            }
            (read, Some(entry)) => {
                entry.is_suspect = read.is_none();
                None
            }
            (_, None) => None,
        }
    }

    /// Makes the next [`get`](Self::get) read the secret, unless it was read after `failed`. For a login that timed out,
    /// after which no time is left to read.
    pub(crate) async fn mark_suspect(&self, failed: &Arc<Credentials>) {
        if let Some(entry) = &mut self.state.write().await.cached
            && Arc::ptr_eq(&entry.credentials, failed)
        {
            entry.is_suspect = true;
        }
    }

    fn entry(&self, read: Credentials) -> Entry {
        let until = Deadline::within(self.max_age);
        Entry { credentials: Arc::new(read), until, is_suspect: false }
    }

    async fn try_refresh(&self) -> Option<Credentials> {
        let cause = match timeout(REFRESH_TIMEOUT, self.read_current()).await {
            Ok(Ok(read)) => return Some(read),
            Ok(Err(error)) => chain(&error),
            Err(_) => format!("no answer within {REFRESH_TIMEOUT:?}"),
        };
        tracing::warn!(cause, "the secret could not be read again: the cached value is used");
        None
    }

    async fn read_current(&self) -> Result<Credentials, SecretError> {
        self.read(CURRENT).await?.ok_or(SecretError::Shape { field: "a value" })
    }

    /// Reads the version with this label. `None` when there is none, or it has no value yet. A secret without a current
    /// version does not exist.
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

/// Allows a burst of three, and then one every three seconds. A database that is down for an hour then costs a busy
/// instance 1,200 calls of Secrets Manager, which are 0.6 cents.
#[derive(Debug)]
struct RateLimit {
    /// When the full burst is available again.
    replenished: Deadline,
}

impl RateLimit {
    const BURST: u32 = 3;
    const EVERY: Duration = Duration::from_secs(3);

    fn new() -> Self {
        Self { replenished: Deadline::within(Duration::ZERO) }
    }

    fn has_room(&self) -> bool {
        self.replenished.left() <= Self::EVERY * (Self::BURST - 1)
    }

    fn try_use(&mut self) -> bool {
        let has_room = self.has_room();
        if has_room {
            self.replenished = Deadline::within(self.replenished.left() + Self::EVERY);
        }
        has_room
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
        let kept = cache.entry(read());
        tokio::time::advance(Duration::from_secs(299)).await;
        assert!(!kept.until.left().is_zero());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(kept.until.left().is_zero());
        let shorter = cache.with_max_age(Duration::from_secs(1)).entry(read());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(shorter.until.left().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_at_once_and_then_one_every_three_seconds() {
        let mut limit = RateLimit::new();
        let count = |limit: &mut RateLimit| (0..10).filter(|_| limit.try_use()).count();
        assert_eq!(count(&mut limit), 3);
        tokio::time::advance(Duration::from_millis(3_001)).await;
        assert_eq!(count(&mut limit), 1);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(count(&mut limit), 3);
    }
}
