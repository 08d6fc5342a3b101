//! Errors are one line that names the cause.

use aws_sdk_dynamodb::types::AttributeValue;
use rds_admission::store::PoolAdmin;

use crate::slots::{World, bare, output_of};
use crate::support::dynamo::TABLE;

/// Asserts exit code 2 and one line, and returns the line.
async fn fails(mut command: tokio::process::Command) -> String {
    let (code, line) = output_of(&command.output().await.expect("it runs"));
    assert_eq!((code, line.trim_end().lines().count()), (2, 1), "{line}");
    line
}

#[tokio::test]
async fn missing_settings_are_named() {
    assert!(fails(bare(&["status"])).await.contains("SLOTS_TABLE"));
    let table = ["--table", TABLE, "status"];
    assert!(fails(bare(&table)).await.contains("AWS_REGION"));
    let mut anonymous = bare(&table);
    anonymous.env("AWS_REGION", "us-east-1");
    assert!(fails(anonymous).await.contains("no AWS credentials"));
}

#[tokio::test]
async fn invalid_arguments_are_reported_like_other_errors() {
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
        // Without --json, the usual text of the parser.
        let words: Vec<_> = arguments.iter().copied().filter(|word| *word != "--json").collect();
        let (code, output) = output_of(&bare(&words).output().await.expect("it runs"));
        assert_eq!(code, 2, "{output}");
        assert!(output.contains("--help") && output.lines().count() > 1, "{output}");
    }
    let (code, help) = output_of(&bare(&["--json", "--help"]).output().await.expect("it runs"));
    assert_eq!(code, 0, "{help}");
}

#[tokio::test]
async fn a_variable_can_name_the_pool() {
    let world = World::new().await;
    let mut command = world.command(&["status"]);
    command.env("SLOTS_POOL", "missing");
    assert!(fails(command).await.contains(r#"no pool "missing""#));
}

#[tokio::test]
async fn every_command_names_a_missing_table_or_pool() {
    let world = World::new().await;
    let commands: [&[&str]; 5] =
        [&["status"], &["drain"], &["resume"], &["resize", "40"], &["evict", "Zk3v9Qa1"]];
    for arguments in commands {
        let mut command = world.command(arguments);
        command.args(["--pool", "missing"]);
        let line = fails(command).await;
        assert!(line.contains(r#"no pool "missing" in table "slots""#), "{line}");
        let mut command = world.command(arguments);
        command.args(["--table", "elsewhere", "--json"]);
        let line = fails(command).await;
        let error: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let error = error["error"].as_str().expect("a text");
        assert!(error.contains(r#"no table "elsewhere" in region us-east-1"#), "{error}");
    }
    // No command has created the pool.
    let missing = "missing".parse().expect("a name");
    assert!(world.store.drain(&missing).await.is_err());
}

#[tokio::test]
async fn an_unreachable_table_is_reported() {
    let world = World::new().await;
    let mut command = world.command(&["status"]);
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
    assert!(line.contains("InUse is 5 but 1 leases are held"), "{line}");
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
    let (code, help) = output_of(&help.output().await.expect("it runs"));
    assert_eq!(code, 0);
    assert!(!line.contains("secretpw") && !help.contains("secretpw"));
}
