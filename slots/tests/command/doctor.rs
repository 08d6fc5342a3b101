//! `slots doctor` without a usable database.

use serde_json::{Value, json};

use crate::slots::World;

/// Runs the doctor; returns its exit code and its JSON.
async fn examined(world: &World, arguments: &[&str]) -> (i32, Value) {
    let mut all = vec!["doctor", "--tls", "off"];
    all.extend(arguments);
    world.json(&all).await
}

fn problems(answer: &Value) -> Vec<&str> {
    let found = answer["findings"].as_array().expect("a list").iter();
    let found = found.filter(|finding| finding["severity"] == "problem");
    found.map(|finding| finding["check"].as_str().expect("a check")).collect()
}

/// Returns a port without a listener.
fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    free.local_addr().expect("an address").port()
}

#[tokio::test]
async fn an_unreachable_database_is_found_and_the_pool_is_checked() {
    let world = World::new().await;
    world.run(&["drain"]).await;
    let database = format!("mysql://admin:secretpw@127.0.0.1:{}/demodb2", free_port());
    let (code, answer) = examined(&world, &["--database", &database]).await;
    assert_eq!((code, &answer["healthy"]), (1, &json!(false)));
    assert_eq!(problems(&answer), ["server", "draining"]);
    assert_eq!(answer["pool"]["maxConnections"], 62);
    assert_eq!((&answer["server"], &answer["serviceConnections"]), (&Value::Null, &Value::Null));
    assert!(!answer.to_string().contains("secretpw"));
    let (code, output) = world.run(&["doctor", "--tls", "off", "--database", &database]).await;
    assert_eq!(code, 1);
    assert!(
        output.contains("The server could not be read: the database at 127.0.0.1:"),
        "{output}"
    );
    assert!(output.contains("pool     Prod_MySQL: 0 of 62"), "{output}");
}

#[tokio::test]
async fn an_unreadable_or_unusable_secret_is_found() {
    let world = World::new().await;
    let secret = ["--secret", "arn:of-the-secret"];
    world.proxy.deny("GetSecretValue");
    let (code, answer) = examined(&world, &secret).await;
    assert_eq!((code, problems(&answer)), (1, vec!["secret"]));
    let message = answer["findings"][0]["says"].as_str().expect("a sentence");
    assert!(
        message.contains("arn:of-the-secret") && message.contains("not authorized"),
        "{message}"
    );

    let holds = |fields: Value| {
        let secret = json!({"Name": "the secret", "SecretString": fields.to_string()});
        world.proxy.respond("GetSecretValue", 200, &secret);
    };
    holds(json!({"username": "admin", "password": "secretpw"}));
    let (code, answer) = examined(&world, &secret).await;
    assert_eq!((code, problems(&answer)), (1, vec!["secret"]));
    assert!(!answer.to_string().contains("secretpw"));

    // It names a database that does not exist.
    let port = free_port();
    holds(json!({
        "username": "admin", "password": "secretpw", "host": "127.0.0.1", "port": port,
        "dbname": "demodb2",
    }));
    let (code, answer) = examined(&world, &secret).await;
    assert_eq!((code, problems(&answer)), (1, vec!["server"]));
    let message = answer["findings"][0]["says"].as_str().expect("a sentence");
    assert!(
        message.contains(&format!("127.0.0.1:{port}")) && !message.contains("secretpw"),
        "{message}"
    );
}

#[tokio::test]
async fn options_precede_variables_and_the_address_the_secret() {
    let world = World::new().await;
    world.proxy.deny("GetSecretValue");
    let address = format!("mysql://admin:secretpw@127.0.0.1:{}/demodb2", free_port());
    let (secret, database) = (("SLOTS_SECRET", "arn"), ("SLOTS_DATABASE", address.as_str()));
    for (variables, options, found) in [
        (vec![secret], vec![], "secret"),
        (vec![database], vec![], "server"),
        (vec![secret, database], vec![], "server"),
        (vec![secret], vec!["--database", &address], "server"),
        (vec![database], vec!["--secret", "arn"], "secret"),
    ] {
        let mut doctor = world.command(&["doctor", "--tls", "off", "--json"]);
        let output = doctor.args(&options).envs(variables.iter().copied()).output().await;
        let stdout = output.expect("it runs").stdout;
        let answer: Value = serde_json::from_slice(&stdout).expect("an answer");
        assert_eq!(problems(&answer), [found], "{variables:?} {options:?}");
    }
}

/// Whether the machine has no IPv6: no address `::1`, or no such address family.
fn has_no_ipv6(error: &std::io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == std::io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// Connects to a listener on `::1` that is no database server. Skipped on a machine without IPv6.
#[tokio::test]
async fn an_ipv6_address_is_connected_to() {
    let listener = match tokio::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).await {
        Ok(listener) => listener,
        Err(error) if has_no_ipv6(&error) => {
            eprintln!("NOT TESTED: a database at an IPv6 address: this machine has none: {error}");
            return;
        }
        Err(error) => panic!("a port of ::1: {error}"),
    };
    let port = listener.local_addr().expect("an address").port();
    let accepted = tokio::spawn(async move { listener.accept().await.map(drop) });
    let world = World::new().await;
    let database = format!("mysql://admin:secretpw@[::1]:{port}/demodb2");
    let (code, answer) = examined(&world, &["--database", &database]).await;
    assert_eq!((code, problems(&answer)), (1, vec!["server"]));
    let message = answer["findings"][0]["says"].as_str().expect("a sentence");
    assert!(message.contains(&format!("[::1]:{port}")) && !message.contains("lookup"), "{message}");
    accepted.await.expect("a task").expect("a connection");
}
