//! An account whose password is changed, again and again, on whatever server.

use admin::rotate::Account;
use rds_admission::secret::Credentials;

/// The same account with another password.
pub(crate) fn with(credentials: &Credentials, password: &str) -> Credentials {
    Credentials { password: password.to_owned().into(), ..credentials.clone() }
}

/// Changes the password from that of `first` to each of some that are hard to write down, and returns what
/// lets in at the end.
pub(crate) async fn changes_hands(account: &Account<'_>, first: &Credentials) -> Credentials {
    let mut now = first.clone();
    for password in ["plain", "it's", r"back\", r"\'; --", "*/ ) /* `", "\"\n\t%", "é🙂", "''"] {
        let then = with(&now, password);
        assert!(!account.lets_in(&then).await.expect("an answer"), "{password:?} is new");
        assert!(account.change(&now, &then.password).await.expect("an answer"), "{password:?}");
        assert!(account.lets_in(&then).await.expect("an answer"), "{password:?} lets in");
        assert!(!account.lets_in(&now).await.expect("an answer"), "the one before does not");
        account.works(&then).await.expect("it works");
        now = then;
    }
    now
}
