//! The sample table.

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
async fn an_account_that_may_only_read_the_table_is_enough() {
    let mut server = Server::start().await;
    server.run(&[TABLE, ROW]).await;
    for (user, right) in [
        ("reader", "SELECT ON demodb2.Employees"),
        ("counts", "SELECT (EmployeeID) ON demodb2.Employees"),
    ] {
        let secret = server.secret_of(user, &[right]).await;
        for fill in [true, false] {
            prepare(&secret, fill).await.expect("prepared");
        }
    }
    assert_eq!(server.query::<u32>(ROWS).await, 1);
    // An empty table is not an error either.
    server.run(&["DELETE FROM Employees"]).await;
    let mut secret = server.secret();
    secret["username"] = json!("reader");
    secret["password"] = json!("a password");
    prepare(&secret, true).await.expect("prepared");
    assert_eq!(server.query::<u32>(ROWS).await, 0);
}

#[tokio::test]
async fn an_account_without_any_right_to_the_table_is_an_error() {
    let mut server = Server::start().await;
    server.run(&["CREATE TABLE other (n int)"]).await;
    let secret = server.secret_of("stranger", &["SELECT ON demodb2.other"]).await;
    for _ in ["without a table", "with one"] {
        let failed = chain(&prepare(&secret, true).await.expect_err("it fails"));
        assert!(
            failed.contains("none that the account may read") && failed.contains("1142"),
            "{failed}"
        );
        server.run(&["CREATE TABLE IF NOT EXISTS Employees (n int)"]).await;
    }
}

#[tokio::test]
async fn another_table_or_view_of_that_name_is_left_alone() {
    let mut server = Server::start().await;
    let all = server.secret();
    let others: [&[&str]; 6] = [
        &["CREATE TABLE Employees (id int PRIMARY KEY, name varchar(9) NOT NULL)"],
        &["CREATE TABLE Employees (EmployeeID int PRIMARY KEY, FirstName text, LastName text, \
           Salary int NOT NULL)"],
        &["CREATE TABLE Employees (EmployeeID int PRIMARY KEY, FirstName text)"],
        // The sample's column names, but other types.
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
        server.run(other).await;
        let before: (String, String) = shown(&mut server).await;
        for fill in [true, false] {
            prepare(&all, fill)
                .await
                .unwrap_or_else(|error| panic!("{other:?}: {}", chain(&error)));
        }
        assert_eq!(shown(&mut server).await, before);
        if !other.iter().any(|statement| statement.starts_with("DROP")) {
            assert_eq!(server.query::<u32>(ROWS).await, 0, "{other:?}");
        }
    }
}

/// Returns the name and the statement that creates it.
async fn shown(server: &mut Server) -> (String, String) {
    let row: mysql_async::Row = server.query("SHOW CREATE TABLE Employees").await;
    (row.get(0).expect("a name"), row.get(1).expect("a statement"))
}

#[tokio::test]
async fn rows_are_inserted_only_into_the_samples_own_empty_table() {
    let mut server = Server::start().await;
    let all = server.secret();
    prepare(&all, false).await.expect("prepared");
    assert_eq!(server.query::<u32>(ROWS).await, 0);
    for _ in 0..2 {
        prepare(&all, true).await.expect("prepared");
        assert_eq!(server.query::<u32>(ROWS).await, 3);
    }
    server.clear().await;
    server.run(&[TABLE, ROW]).await;
    prepare(&all, true).await.expect("prepared");
    assert_eq!(server.query::<u32>(ROWS).await, 1);
}

#[tokio::test]
async fn an_update_fills_the_table_only_for_another_database() {
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
    // A user may have deleted the rows.
    for same in [json!({}), json!({"Database": "the first", "PrioritySlots": "1"})] {
        update(same).await;
        assert_eq!(server.query::<u32>(ROWS).await, 0);
    }
    update(json!({"Database": "the one before"})).await;
    assert_eq!(server.query::<u32>(ROWS).await, 3);
}

#[tokio::test]
async fn a_failed_insert_is_logged_with_the_servers_error() {
    let mut server = Server::start().await;
    server.run(&[TABLE]).await;
    let reader = server.secret_of("only_reads", &["SELECT ON demodb2.Employees"]).await;
    let writer = server.secret_of("also_writes", &["SELECT, INSERT ON demodb2.Employees"]).await;
    for (secret, read_only, code) in [(reader, "0", "1142"), (writer, "1", "1290")] {
        server.run(&[&format!("SET GLOBAL read_only = {read_only}")]).await;
        let (prepared, lines) = logged(prepare(&secret, true)).await;
        prepared.expect("prepared");
        let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
        assert!(line.contains("WARN") && line.contains(code), "{line}");
    }
}

#[tokio::test]
async fn a_secret_without_a_database_fails_before_the_login() {
    // Nothing listens there: a login would be retried until the deadline.
    let mut secret = json!({"username": "a", "password": "b", "host": "127.0.0.1", "port": 1});
    for without in [Value::Null, json!("")] {
        secret["dbname"] = without;
        let failed = prepare(&secret, true).await.expect_err("it fails");
        let is_named =
            matches!(failed, DatabaseError::Secret(SecretError::Shape { field: "dbname" }));
        assert!(is_named, "{failed:?}");
    }
}
