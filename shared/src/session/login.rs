//! Logging in with a secret whose password may be changed at any time.

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
    /// then what the secret holds by now is tried, each password once, and what lets in is kept in
    /// `secret` for the next time.
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
        loop {
            let denied = match Self::open(slot, options, &credentials).await {
                Err(error) if error.is_access_denied() => error,
                opened => return Ok(opened?),
            };
            refused.push(credentials);
            credentials = loop {
                if let Some(other) = secret.other_than(&refused).await? {
                    break other;
                }
                match pauses.next() {
                    Some(pause) if pause < slot.work_left() => tokio::time::sleep(pause).await,
                    _ => return Err(denied.into()),
                }
            };
        }
    }
}
