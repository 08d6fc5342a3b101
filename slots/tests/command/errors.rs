//! What can't be done is said in one line that names what is missing.

use aws_sdk_dynamodb::types::AttributeValue;
use rds_admission::store::PoolAdmin;

use crate::slots::{World, bare, said};
use crate::support::dynamo::TABLE;

/// Exit code 2, and one line.
async fn fails(mut command: tokio::process::Command) -> String {
    let (code, line) = said(&command.output().await.expect("it runs"));
    assert_eq!((code, line.trim_end().lines().count()), (2, 1), "{line}");
    line
}

#[tokio::test]
async fn what_is_missing_is_named() {
    assert!(fails(bare(&["status"])).await.contains("SLOTS_TABLE"));
    let table = ["--table", TABLE, "status"];
    assert!(fails(bare(&table)).await.contains("AWS_REGION"));
    let mut nobody = bare(&table);
    nobody.env("AWS_REGION", "us-east-1");
    assert!(fails(nobody).await.contains("no AWS credentials"));
}

#[tokio::test]
async fn arguments_that_make_no_command_are_an_error_like_any_other() {
    for (arguments, named) in [
        (&["resize", "--json"][..], "<N>"),
        (&["--json", "evict", "short"], "short"),
        (&["--json"], "subcommand"),
        (&["doctor", "--json"], "--secret <ARN>"),
        (&["doctor", "--json", "--secret", "a", "--database", "mysql://h/d"], "given both"),
    ] {
        let line = fails(bare(arguments)).await;
        let error: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let error = error["error"].as_str().expect("a text");
        assert!(error.contains(named) && !error.contains("--help"), "{error}");
        // For a person, as every command says it.
        let words: Vec<_> = arguments.iter().copied().filter(|word| *word != "--json").collect();
        let (code, said) = said(&bare(&words).output().await.expect("it runs"));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("--help") && said.lines().count() > 1, "{said}");
    }
    let (code, help) = said(&bare(&["--json", "--help"]).output().await.expect("it runs"));
    assert_eq!(code, 0, "{help}");
}

#[tokio::test]
async fn a_pool_is_named_by_a_variable_too() {
    let world = World::new().await;
    let mut command = world.command(&["status"]);
    command.env("SLOTS_POOL", "nobody");
    assert!(fails(command).await.contains(r#"no pool "nobody""#));
}

#[tokio::test]
async fn a_table_or_pool_that_is_not_there_is_named_by_every_command() {
    let world = World::new().await;
    let commands: [&[&str]; 5] =
        [&["status"], &["drain"], &["resume"], &["resize", "40"], &["evict", "Zk3v9Qa1"]];
    for arguments in commands {
        let mut command = world.command(arguments);
        command.args(["--pool", "nobody"]);
        let line = fails(command).await;
        assert!(line.contains(r#"no pool "nobody" in table "slots""#), "{line}");
        let mut command = world.command(arguments);
        command.args(["--table", "elsewhere", "--json"]);
        let line = fails(command).await;
        let error: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let error = error["error"].as_str().expect("a text");
        assert!(error.contains(r#"no table "elsewhere" in region us-east-1"#), "{error}");
    }
    // None of them has made what is not there.
    let nobody = "nobody".parse().expect("a name");
    assert!(world.store.drain(&nobody).await.is_err());
}

#[tokio::test]
async fn a_table_out_of_reach_is_said_to_be() {
    let world = World::new().await;
    let mut command = world.command(&["status"]);
    // A port that nobody listens on: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
    let line = fails(command).await;
    assert!(line.contains("read of pool Prod_MySQL failed"), "{line}");
}

#[tokio::test]
async fn a_pool_whose_count_is_wrong_is_not_touched() {
    let world = World::new().await;
    world.lease("Zk3v9Qa1").await;
    let update = world.dynamo.client.update_item().table_name(TABLE);
    update
        .key("RDBMSName", AttributeValue::S("Prod_MySQL".to_owned()))
        .update_expression("SET InUse = :five")
        .expression_attribute_values(":five", AttributeValue::N("5".to_owned()))
        .send()
        .await
        .expect("an item");
    let line = fails(world.command(&["drain"])).await;
    assert!(line.contains("InUse is 5 but 1 leases are out"), "{line}");
}

#[tokio::test]
async fn the_password_of_a_database_is_not_repeated() {
    let world = World::new().await;
    let mut command = world.command(&["doctor"]);
    command.env("SLOTS_DATABASE", "mysql://admin:secretpw@127.0.0.1");
    let line = fails(command).await;
    assert!(line.contains("mysql://user:password@host:port/database"), "{line}");
    let mut help = world.command(&["doctor", "--help"]);
    help.env("SLOTS_DATABASE", "mysql://admin:secretpw@127.0.0.1/db");
    let (code, help) = said(&help.output().await.expect("it runs"));
    assert_eq!(code, 0);
    assert!(!line.contains("secretpw") && !help.contains("secretpw"));
}
