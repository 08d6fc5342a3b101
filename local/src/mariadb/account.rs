//! Accounts of the server.

use mysql_async::{Opts, OptsBuilder};
use rand::distr::{Alphanumeric, SampleString as _};
use secrecy::{ExposeSecret as _, SecretString};

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

    /// The password, in the clear: keep it out of logs.
    #[must_use]
    pub fn password(&self) -> &str {
        self.password.expose_secret()
    }

    pub(super) fn sign_in(&self, options: OptsBuilder) -> Opts {
        options
            .user(Some(self.user))
            .pass(Some(self.password()))
            // A socket found by itself would bypass the address (and the TLS) that was asked for.
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
