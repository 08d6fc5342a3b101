//! Password changes, on any server.

use admin::rotate::Account;
use rds_admission::secret::Credentials;

/// Returns the credentials with another password.
pub(crate) fn with(credentials: &Credentials, password: &str) -> Credentials {
    Credentials { password: password.to_owned().into(), ..credentials.clone() }
}

/// Changes the password from that of `first` to several that are hard to quote, and returns the last credentials.
pub(crate) async fn change_repeatedly(account: &Account<'_>, first: &Credentials) -> Credentials {
    let mut now = first.clone();
    for password in ["plain", "it's", r"back\", r"\'; --", "*/ ) /* `", "\"\n\t%", "é🙂", "''"] {
        let then = with(&now, password);
        assert!(!account.accepts(&then).await.expect("an answer"), "{password:?} is new");
        assert!(
            account.change_password(&now, &then.password).await.expect("an answer"),
            "{password:?}"
        );
        assert!(account.accepts(&then).await.expect("an answer"), "{password:?} is accepted");
        assert!(!account.accepts(&now).await.expect("an answer"), "the one before is not");
        account.test(&then).await.expect("it works");
        now = then;
    }
    now
}
