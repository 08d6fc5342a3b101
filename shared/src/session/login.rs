//! Logging in with a secret that may be changed at any time: its password, or the database it leads to.

use std::time::Duration;

use thiserror::Error;

use super::{Session, SessionError, SessionOptions};
use crate::client::Slot;
use crate::secret::{SecretCache, SecretError};

/// How long to wait, each time that the secret holds nothing that the server has not refused, before
/// it is read again. Secrets Manager is eventually consistent: what it has just been told, it may not
/// tell yet. Together they are what a password that is simply wrong costs, with a slot in hand.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(600)];

/// How long a session that failed or was found dead is waited for to be ended by the server. One that is not by
/// then is not known to be gone, and its slot takes no other connection.
const FOR_ITS_END: Duration = Duration::from_secs(1);

/// Why there is no session.
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
    /// Connects and logs in as [`open`](Self::open) does, with what `secret` holds.
    ///
    /// A password that is refused may have been rotated since it was read, or be just being rotated:
    /// then what the secret holds by now is tried, each password for itself, and what lets in is kept in
    /// `secret` for the next time.
    ///
    /// Another failure may mean that the secret leads to another server, database or account by now. Then it
    /// is read again ([not too often](SecretCache::in_place_of)), and what differs is tried, once. After a login that
    /// was not answered in time, it is read before the next one instead: the connection is still under way, and takes
    /// the slot.
    ///
    /// # Errors
    /// [`LoginError`]; no connection is then left open, or the slot knows of it.
    pub async fn log_in(
        slot: &Slot,
        options: &SessionOptions,
        secret: &SecretCache,
    ) -> Result<Self, LoginError> {
        let mut credentials = secret.get().await?;
        let mut refused = Vec::new();
        let mut pauses = PAUSES.into_iter();
        let mut reread = false;
        loop {
            let error = match Self::open(slot, options, &credentials).await {
                Ok(session) => return Ok(session),
                Err(error) => error,
            };
            if error.is_access_denied() {
                refused.push(credentials);
                credentials = loop {
                    if let Some(other) = secret.other_than(&refused).await? {
                        break other;
                    }
                    let pause = pauses.next().filter(|pause| *pause < slot.work_left());
                    match pause {
                        Some(pause) if secret.may_have_others().await => {
                            tokio::time::sleep(pause).await;
                        }
                        _ => {
                            secret.all_refused().await;
                            return Err(error.into());
                        }
                    }
                };
                continue;
            }
            let other = match &error {
                SessionError::ConnectTimeout { .. } => {
                    secret.suspect(&credentials).await;
                    None
                }
                error if error.may_lie_in_the_secret() && !reread => {
                    reread = true;
                    secret.in_place_of(&credentials).await
                }
                _ => None,
            };
            match other {
                Some(other) if is_gone(slot).await => credentials = other,
                _ => return Err(error.into()),
            }
        }
    }
}

/// Whether the connection is, that was opened under it.
pub(crate) async fn is_gone(slot: &Slot) -> bool {
    slot.connection_gone(FOR_ITS_END.min(slot.work_left())).await
}
