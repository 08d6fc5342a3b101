//! The account whose password is rotated, on a real MariaDB.

use std::time::Duration;

use admin::rotate::{Account, AccountError};
use local::{MariaDb, MariaDbOptions};
use rds_admission::client::Slot;
use rds_admission::secret::Credentials;
use rds_admission::session::{SessionOptions, Tls};
use rds_admission::time::Deadline;

fn with(credentials: &Credentials, password: &str) -> Credentials {
    Credentials { password: password.to_owned().into(), ..credentials.clone() }
}

#[tokio::test]
async fn a_password_is_changed_by_its_owner_whatever_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = MariaDbOptions::new(folder.path().join("mariadb"));
    let mariadb = MariaDb::start(options).await.expect("a server");
    let first = Credentials {
        username: mariadb.admin().user().to_owned(),
        password: mariadb.admin().password().to_owned().into(),
        host: "127.0.0.1".to_owned(),
        port: mariadb.port(),
        database: Some(mariadb.database().to_owned()),
    };
    let options = SessionOptions { tls: Tls::Off, ..SessionOptions::default() };
    let slot = Slot::outside_the_pool(Deadline::within(Duration::from_secs(60)));
    let account = Account::new(&slot, &options);

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
    assert!(!account.change(&first, &"another".to_owned().into()).await.expect("an answer"));
    let denied = account.works(&first).await.expect_err("it is refused");
    assert!(matches!(denied, AccountError::Login(_)), "{denied:?}");
    assert!(account.lets_in(&now).await.expect("an answer"), "nothing has changed");
}
