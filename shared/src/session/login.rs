//! Logging in with a secret whose value may change at any time.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::sleep;

use super::connect::SessionOptions;
use super::error::SessionError;
use super::handle::Session;
use crate::client::Slot;
use crate::secret::{Credentials, SecretCache, SecretError};

/// Pauses before the secret is read again when the server has rejected all of its versions: Secrets Manager is
/// eventually consistent. A password that is simply wrong costs their sum, with a slot held.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(600)];

/// How long to wait until the server has ended a session that failed. After that it is not known to be gone, and its
/// slot takes no other connection.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// An error of [`Session::log_in`].
#[derive(Debug, Error)]
pub enum LoginError {
    /// There are no credentials.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no connection.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Session {
    /// Connects as [`open`](Self::open) does, with the credentials in `secret`.
    ///
    /// | failure | next |
    /// |---|---|
    /// | the password is rejected | the other versions of the secret are tried: it may have been rotated, or be in rotation. The one that succeeds stays in `secret` |
    /// | the login times out | none: the slot is still taken. The secret is read before the next login |
    /// | another, once | the secret [may be read again](SecretCache::replacement_for), and tried if it differs: it may lead to another server, database or account now |
    ///
    /// # Errors
    /// [`LoginError::Secret`] when the secret cannot be read or is malformed; [`LoginError::Session`] when no login
    /// succeeds. A connection that may still be open is counted against the slot.
    pub async fn log_in(
        slot: &Slot,
        options: &SessionOptions,
        secret: &SecretCache,
    ) -> Result<Self, LoginError> {
        let mut credentials = secret.get().await?;
        let mut refused = Vec::new();
        let mut pauses = PAUSES.into_iter();
        let mut was_reread = false;
        loop {
            let error = match Self::open(slot, options, &credentials).await {
                Ok(session) => return Ok(session),
                Err(error) => error,
            };
            if error.is_access_denied() {
                refused.push(credentials);
                match alternative(slot, secret, &refused, &mut pauses).await? {
                    Some(alternative) => credentials = alternative,
                    None => return Err(error.into()),
                }
                continue;
            }
            let replacement = match &error {
                SessionError::ConnectTimeout { .. } => {
                    secret.mark_suspect(&credentials).await;
                    None
                }
                error if error.may_be_cured_by_secret() && !was_reread => {
                    was_reread = true;
                    secret.replacement_for(&credentials).await
                }
                _ => None,
            };
            match replacement {
                Some(replacement) if is_gone(slot).await => credentials = replacement,
                _ => return Err(error.into()),
            }
        }
    }
}

/// Returns credentials that the server has not refused yet, `None` to give up.
async fn alternative(
    slot: &Slot,
    secret: &SecretCache,
    refused: &[Arc<Credentials>],
    pauses: &mut impl Iterator<Item = Duration>,
) -> Result<Option<Arc<Credentials>>, SecretError> {
    loop {
        if let Some(other) = secret.alternative_to(refused).await? {
            return Ok(Some(other));
        }
        match pauses.next().filter(|pause| *pause < slot.work_left()) {
            Some(pause) if secret.may_have_alternatives().await => sleep(pause).await,
            _ => {
                secret.record_denial().await;
                return Ok(None);
            }
        }
    }
}

/// Waits until the connection under `slot` is known to be gone. Returns whether it is.
pub(crate) async fn is_gone(slot: &Slot) -> bool {
    slot.connection_gone(END_TIMEOUT.min(slot.work_left())).await
}
