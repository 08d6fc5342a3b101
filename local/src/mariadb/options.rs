//! The options and accounts of a [`MariaDb`](super::MariaDb).

use std::num::NonZeroU32;
use std::path::PathBuf;

use mysql_async::{Opts, OptsBuilder};
use rand::distr::{Alphanumeric, SampleString as _};
use secrecy::{ExposeSecret as _, SecretString};

/// Options of a server. Start with [`new`](Self::new) and change what differs.
#[derive(Clone, Debug)]
pub struct MariaDbOptions {
    pub(super) dir: PathBuf,
    pub(super) max_connections: NonZeroU32,
    pub(super) database: String,
    pub(super) tls: Option<ServerTls>,
    pub(super) require_secure_transport: bool,
    pub(super) plugins: bool,
}

/// The server's certificate, as paths of PEM files.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// The certificate (chain).
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl MariaDbOptions {
    /// `max_connections` as in template.yaml for a created database.
    pub const MAX_CONNECTIONS: NonZeroU32 = NonZeroU32::new(66).unwrap();

    /// All files are below `dir`, which is created and must not hold a server's data yet. Defaults:
    /// [`MAX_CONNECTIONS`](Self::MAX_CONNECTIONS), database `demodb2`, no TLS.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            max_connections: Self::MAX_CONNECTIONS,
            database: "demodb2".to_owned(),
            tls: None,
            require_secure_transport: false,
            plugins: false,
        }
    }

    /// The connections that the server accepts. It keeps one more for accounts with `CONNECTION ADMIN`, which the
    /// admin account lacks.
    #[must_use]
    pub fn max_connections(mut self, connections: NonZeroU32) -> Self {
        self.max_connections = connections;
        self
    }

    /// Offers TLS with this certificate.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Makes plugins outside the server's binary available to `INSTALL SONAME`.
    #[must_use]
    pub fn plugins(mut self) -> Self {
        self.plugins = true;
        self
    }

    /// Refuses connections over TCP without TLS.
    #[must_use]
    pub fn require_secure_transport(mut self) -> Self {
        self.require_secure_transport = true;
        self
    }
}

/// A user's name and password. `Debug` does not show the password.
#[derive(Clone, Debug)]
pub struct Account {
    user: &'static str,
    password: SecretString,
}

impl Account {
    /// An account with a random password (32 letters and digits, 190 bits).
    pub(super) fn generate(user: &'static str) -> Self {
        let password = Alphanumeric.sample_string(&mut rand::rng(), 32);
        Self { user, password: password.into() }
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        self.user
    }

    /// The password in clear text: keep it out of logs.
    #[must_use]
    pub fn password(&self) -> &str {
        self.password.expose_secret()
    }

    pub(super) fn sign_in(&self, options: OptsBuilder) -> Opts {
        options
            .user(Some(self.user))
            .pass(Some(self.password()))
            // A socket that the driver finds would bypass the address (and its TLS).
            .prefer_socket(false)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::Account;

    #[test]
    fn the_password_is_random_and_not_in_debug() {
        let (one, two) = (Account::generate("admin"), Account::generate("admin"));
        assert_ne!(one.password(), two.password());
        assert_eq!(one.password().len(), 32);
        assert!(!format!("{one:?}").contains(one.password()));
    }
}
