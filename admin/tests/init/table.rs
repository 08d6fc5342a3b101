//! The table, as `init` finds it.

use admin::init::DatabaseError;
use rds_admission::secret::SecretError;
use rds_admission::telemetry::chain;
use serde_json::{Value, json};

use crate::database::{Server, prepare};
use crate::log::logged;
use crate::{cloudformation, create, init, invoke, only, vault};

const ROWS: &str = "SELECT COUNT(*) FROM Employees";
const TABLE: &str = "CREATE TABLE Employees (EmployeeID int NOT NULL AUTO_INCREMENT PRIMARY KEY, \
     FirstName varchar(50) NOT NULL, LastName varchar(50) NOT NULL)";
const ROW: &str = "INSERT INTO Employees (FirstName, LastName) VALUES ('Ada', 'Lovelace')";

#[tokio::test]
async fn an_account_that_may_only_read_the_table_needs_to_do_no_more() {
    let mut server = Server::start().await;
    server.say(&[TABLE, ROW]).await;
    for (user, right) in [
        ("reader", "SELECT ON demodb2.Employees"),
        ("counts", "SELECT (EmployeeID) ON demodb2.Employees"),
    ] {
        let secret = server.secret_of(user, &[right]).await;
        for seed in [true, false] {
            prepare(&secret, seed).await.expect("prepared");
        }
    }
    assert_eq!(server.ask::<u32>(ROWS).await, 1);
    // Nor does it have to fill it.
    server.say(&["DELETE FROM Employees"]).await;
    let mut secret = server.secret();
    secret["username"] = json!("reader");
    secret["password"] = json!("a password");
    prepare(&secret, true).await.expect("prepared");
    assert_eq!(server.ask::<u32>(ROWS).await, 0);
}

#[tokio::test]
async fn an_account_that_neither_sees_the_table_nor_may_create_it_is_told_so() {
    let mut server = Server::start().await;
    server.say(&["CREATE TABLE other (n int)"]).await;
    let secret = server.secret_of("stranger", &["SELECT ON demodb2.other"]).await;
    for _ in ["without a table", "with one"] {
        let failed = chain(&prepare(&secret, true).await.expect_err("it fails"));
        assert!(
            failed.contains("none that the account may read") && failed.contains("1142"),
            "{failed}"
        );
        server.say(&["CREATE TABLE IF NOT EXISTS Employees (n int)"]).await;
    }
}

#[tokio::test]
async fn what_stands_under_the_tables_name_is_left_alone() {
    let mut server = Server::start().await;
    let all = server.secret();
    let others: [&[&str]; 6] = [
        &["CREATE TABLE Employees (id int PRIMARY KEY, name varchar(9) NOT NULL)"],
        &["CREATE TABLE Employees (EmployeeID int PRIMARY KEY, FirstName text, LastName text, \
           Salary int NOT NULL)"],
        &["CREATE TABLE Employees (EmployeeID int PRIMARY KEY, FirstName text)"],
        // The article's names, but not what its rows can be put into.
        &["CREATE TABLE Employees (EmployeeID int, FirstName date, LastName date)"],
        &[
            "CREATE TABLE staff (EmployeeID int AUTO_INCREMENT PRIMARY KEY, FirstName text, \
           LastName text)",
            "CREATE VIEW Employees AS SELECT * FROM staff",
        ],
        &[
            "CREATE TABLE staff (EmployeeID int, FirstName text, LastName text)",
            "CREATE VIEW Employees AS SELECT * FROM staff",
            "DROP TABLE staff",
        ],
    ];
    for other in others {
        server.clear().await;
        server.say(other).await;
        let before: (String, String) = shown(&mut server).await;
        for seed in [true, false] {
            prepare(&all, seed)
                .await
                .unwrap_or_else(|error| panic!("{other:?}: {}", chain(&error)));
        }
        assert_eq!(shown(&mut server).await, before);
        if !other.iter().any(|statement| statement.starts_with("DROP")) {
            assert_eq!(server.ask::<u32>(ROWS).await, 0, "{other:?}");
        }
    }
}

/// The name, and the statement that makes it.
async fn shown(server: &mut Server) -> (String, String) {
    let row: mysql_async::Row = server.ask("SHOW CREATE TABLE Employees").await;
    (row.get(0).expect("a name"), row.get(1).expect("a statement"))
}

#[tokio::test]
async fn the_rows_are_put_into_an_empty_table_of_the_articles_and_into_no_other() {
    let mut server = Server::start().await;
    let all = server.secret();
    prepare(&all, false).await.expect("prepared");
    assert_eq!(server.ask::<u32>(ROWS).await, 0);
    for _ in 0..2 {
        prepare(&all, true).await.expect("prepared");
        assert_eq!(server.ask::<u32>(ROWS).await, 3);
    }
    server.clear().await;
    server.say(&[TABLE, ROW]).await;
    prepare(&all, true).await.expect("prepared");
    assert_eq!(server.ask::<u32>(ROWS).await, 1);
}

#[tokio::test]
async fn an_update_fills_the_table_only_when_it_is_of_another_database() {
    let mut server = Server::start().await;
    let secret = server.secret();
    let update = async |old: Value| {
        let (url, answers) = cloudformation().await;
        let mut event = create(&url);
        event["RequestType"] = json!("Update");
        event["PhysicalResourceId"] = json!("Prod_MySQL");
        event["OldResourceProperties"] = old;
        invoke(&init(vault::secret(&secret).await), event).await;
        let answer = only(&answers);
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    };
    // As a user who has deleted them would have it.
    for same in [json!({}), json!({"Database": "the first", "PrioritySlots": "1"})] {
        update(same).await;
        assert_eq!(server.ask::<u32>(ROWS).await, 0);
    }
    update(json!({"Database": "the one before"})).await;
    assert_eq!(server.ask::<u32>(ROWS).await, 3);
}

#[tokio::test]
async fn rows_that_can_not_be_put_in_are_warned_of_with_what_the_server_says() {
    let mut server = Server::start().await;
    server.say(&[TABLE]).await;
    let reader = server.secret_of("only_reads", &["SELECT ON demodb2.Employees"]).await;
    let writer = server.secret_of("also_writes", &["SELECT, INSERT ON demodb2.Employees"]).await;
    for (secret, read_only, code) in [(reader, "0", "1142"), (writer, "1", "1290")] {
        server.say(&[&format!("SET GLOBAL read_only = {read_only}")]).await;
        let (prepared, lines) = logged(prepare(&secret, true)).await;
        prepared.expect("prepared");
        let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
        assert!(line.contains("WARN") && line.contains(code), "{line}");
    }
}

#[tokio::test]
async fn a_secret_that_names_no_database_is_told_so_before_the_server_is_asked() {
    // Nobody listens there: a login would be tried for as long as there is time.
    let mut secret = json!({"username": "a", "password": "b", "host": "127.0.0.1", "port": 1});
    for without in [Value::Null, json!("")] {
        secret["dbname"] = without;
        let failed = prepare(&secret, true).await.expect_err("it fails");
        let is_named =
            matches!(failed, DatabaseError::Secret(SecretError::Shape { field: "dbname" }));
        assert!(is_named, "{failed:?}");
    }
}
