//! Nothing that was done in a session is seen by the work that comes next.

use mysql_async::prelude::Queryable;
use mysql_async::{ChangeUserOpts, Conn};
use rds_admission::pool::Class;

use crate::scene::{KEEP, Scene, connection_id, is_kept, run, strict_in, warm};
use crate::settings::settings;

#[tokio::test]
async fn a_session_that_was_kept_is_as_one_that_is_new() {
    let scene = Scene::new().await;
    // Another one than the server's.
    scene.administer("ALTER DATABASE demodb2 CHARACTER SET utf8mb3 COLLATE utf8mb3_czech_ci").await;
    scene.administer("CREATE TABLE demodb2.kept (n INT) ENGINE = InnoDB").await;
    let new = scene.works(settings).await;
    let dirtied = scene
        .works(async |session| {
            run(
                session,
                &[
                    "SET @mine = 'secret'",
                    "CREATE TEMPORARY TABLE mine (n INT)",
                    "PREPARE mine FROM 'SELECT 1'",
                    "SELECT GET_LOCK('mine', 0)",
                    "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+05:00', autocommit = 0, \
                     sql_select_limit = 1, foreign_key_checks = 0, wait_timeout = 28800, \
                     tx_isolation = 'SERIALIZABLE', lc_time_names = 'de_DE'",
                    "SET NAMES latin1",
                    "START TRANSACTION",
                    "INSERT INTO kept VALUES (1)",
                ],
            )
            .await;
            connection_id(session).await
        })
        .await;
    assert!(is_kept(&dirtied), "{:?}", dirtied.held);

    let mut observer = scene.server.observer().await;
    let lock: Option<Option<u8>> =
        observer.query_first("SELECT GET_LOCK('mine', 0)").await.expect("an answer");
    assert_eq!(lock, Some(Some(1)), "the lock is free while the session is kept");
    let rows: Option<u8> = observer
        .query_first("SELECT COUNT(*) FROM demodb2.kept FOR UPDATE")
        .await
        .expect("no lock on a row is left");
    assert_eq!(rows, Some(0));

    let clean = scene
        .works(async |session| {
            assert_eq!(connection_id(session).await, dirtied.value);
            let mine: Option<Option<String>> =
                session.query_first("SELECT @mine").await.expect("an answer");
            assert_eq!(mine, Some(None));
            for gone in ["SELECT * FROM mine", "EXECUTE mine"] {
                assert!(session.query_first::<u8>(gone).await.is_err(), "{gone}");
            }
            let rows: Option<u8> =
                session.query_first("SELECT COUNT(*) FROM kept").await.expect("an answer");
            assert_eq!(rows, Some(0), "the transaction was rolled back");
            settings(session).await
        })
        .await;
    let differ: Vec<_> =
        clean.value.iter().filter(|(name, value)| new.value.get(*name) != Some(value)).collect();
    assert!(differ.is_empty(), "{differ:?}");
    assert_eq!(clean.value.len(), new.value.len());
}

#[tokio::test]
async fn rows_that_were_not_read_are_not_read_by_the_next() {
    let scene = Scene::new().await;
    let half_read = scene
        .works(async |session| {
            let some = session.run(async |conn| {
                let mut rows = conn.query_iter("SELECT seq FROM seq_1_to_5000").await?;
                rows.next().await
            });
            some.await.expect("an answer").is_some()
        })
        .await;
    assert!(half_read.value && is_kept(&half_read), "{:?}", half_read.held);
    let next = scene.works(async |session| session.query_first::<u8>("SELECT 1").await).await;
    assert_eq!(next.value.expect("an answer"), Some(1));
}

#[tokio::test]
async fn a_session_that_has_left_its_database_or_its_role_is_closed() {
    let scene = Scene::new().await;
    let admin = scene.server.mariadb.admin().user().to_owned();
    scene.administer("CREATE ROLE clerk").await;
    scene.administer(&format!("GRANT clerk TO '{admin}'@'%'")).await;
    for strays in ["USE information_schema", "SET ROLE clerk"] {
        let strayed = scene.works(async |session| run(session, &[strays]).await).await;
        assert!(!is_kept(&strayed), "{strays}: {:?}", strayed.held);
        scene.settles().await;
    }
    let stays = ["USE information_schema", "USE demodb2", "SET ROLE clerk", "SET ROLE NONE"];
    let came_back = scene.works(async |session| run(session, &stays).await).await;
    assert!(is_kept(&came_back), "{:?}", came_back.held);
}

#[tokio::test]
async fn a_session_that_is_another_users_by_now_is_closed() {
    let mut scene = Scene::new().await;
    scene.administer("CREATE USER 'other'@'%' IDENTIFIED BY 'word'").await;
    // In no database, of which the other user has none either.
    let sessions = strict_in(None, &scene.server, &scene.counter, Class::Standard).await;
    scene.sessions = sessions.keeping(warm(KEEP));
    scene.connection().await;
    let user = |name: &str, word: &str| {
        ChangeUserOpts::new().with_user(Some(name.to_owned())).with_pass(Some(word.to_owned()))
    };
    let admin = scene.server.mariadb.admin();
    let users = [(user("other", "word"), false), (user(admin.user(), admin.password()), true)];
    for (becomes, kept) in users {
        let change = async |conn: &mut Conn| conn.change_user(becomes).await;
        let changed = scene.works(async |session| session.run(change).await).await;
        assert_eq!(is_kept(&changed), kept, "{:?}", changed.held);
        changed.value.expect("the user is changed");
    }
}

#[tokio::test]
async fn a_server_that_lets_sessions_idle_for_long_gets_them_back() {
    let scene = Scene::new().await;
    scene.administer("SET GLOBAL wait_timeout = 6").await;
    assert!(!is_kept(&scene.connection().await));
    scene.administer("SET GLOBAL wait_timeout = 5").await;
    assert!(is_kept(&scene.connection().await));
}

#[tokio::test]
async fn a_server_with_commands_for_each_login_gets_a_login_each_time() {
    let scene = Scene::new().await;
    scene.administer("SET GLOBAL init_connect = 'SET @greeting = 1'").await;
    for _ in 0..2 {
        let greeted =
            scene.works(async |session| session.query_first::<u8>("SELECT @greeting").await).await;
        assert!(!is_kept(&greeted), "{:?}", greeted.held);
        assert_eq!(greeted.value.expect("an answer"), Some(1));
    }
}
