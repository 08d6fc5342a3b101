//! What is found where the database can't be asked.

use serde_json::{Value, json};

use crate::slots::World;

/// The doctor's answer, and its exit code.
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

/// A port that nobody listens on: it was free a moment ago.
fn nobodys_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    free.local_addr().expect("an address").port()
}

#[tokio::test]
async fn a_database_out_of_reach_is_found_and_the_table_is_looked_at() {
    let world = World::new().await;
    world.run(&["drain"]).await;
    let database = format!("mysql://admin:secretpw@127.0.0.1:{}/demodb2", nobodys_port());
    let (code, answer) = examined(&world, &["--database", &database]).await;
    assert_eq!((code, &answer["healthy"]), (1, &json!(false)));
    assert_eq!(problems(&answer), ["server", "draining"]);
    assert_eq!(answer["pool"]["maxConnections"], 62);
    assert_eq!((&answer["server"], &answer["serviceConnections"]), (&Value::Null, &Value::Null));
    assert!(!answer.to_string().contains("secretpw"));
    let (code, said) = world.run(&["doctor", "--tls", "off", "--database", &database]).await;
    assert_eq!(code, 1);
    assert!(said.contains("The server could not be read: the database at 127.0.0.1:"), "{said}");
    assert!(said.contains("pool     Prod_MySQL: 0 of 62"), "{said}");
}

#[tokio::test]
async fn a_secret_that_can_not_be_read_or_used_is_found() {
    let world = World::new().await;
    let secret = ["--secret", "arn:of-the-secret"];
    world.front.denies("GetSecretValue");
    let (code, answer) = examined(&world, &secret).await;
    assert_eq!((code, problems(&answer)), (1, vec!["secret"]));
    let says = answer["findings"][0]["says"].as_str().expect("a sentence");
    assert!(says.contains("arn:of-the-secret") && says.contains("not authorized"), "{says}");

    let holds = |fields: Value| {
        let secret = json!({"Name": "the secret", "SecretString": fields.to_string()});
        world.front.answers("GetSecretValue", 200, &secret);
    };
    holds(json!({"username": "admin", "password": "secretpw"}));
    let (code, answer) = examined(&world, &secret).await;
    assert_eq!((code, problems(&answer)), (1, vec!["secret"]));
    assert!(!answer.to_string().contains("secretpw"));

    // It leads to a database, which is not there.
    let port = nobodys_port();
    holds(json!({
        "username": "admin", "password": "secretpw", "host": "127.0.0.1", "port": port,
        "dbname": "demodb2",
    }));
    let (code, answer) = examined(&world, &secret).await;
    assert_eq!((code, problems(&answer)), (1, vec!["server"]));
    let says = answer["findings"][0]["says"].as_str().expect("a sentence");
    assert!(says.contains(&format!("127.0.0.1:{port}")) && !says.contains("secretpw"), "{says}");
}

#[tokio::test]
async fn an_option_counts_before_a_variable_and_the_address_before_the_secret() {
    let world = World::new().await;
    world.front.denies("GetSecretValue");
    let address = format!("mysql://admin:secretpw@127.0.0.1:{}/demodb2", nobodys_port());
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
        let said = output.expect("it runs").stdout;
        let answer: Value = serde_json::from_slice(&said).expect("an answer");
        assert_eq!(problems(&answer), [found], "{variables:?} {options:?}");
    }
}

/// Whether a machine can't bind `::1` because IPv6 is not there: the address or the whole family.
fn has_no_ipv6(error: &std::io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == std::io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// A port of the IPv6 loopback, on which nobody answers what a server would. A machine without IPv6 has none.
#[tokio::test]
async fn a_database_at_an_ipv6_address_is_connected_to() {
    let listener = match tokio::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).await {
        Ok(listener) => listener,
        Err(error) if has_no_ipv6(&error) => {
            eprintln!("NOT TESTED: a database at an IPv6 address: this machine has none: {error}");
            return;
        }
        Err(error) => panic!("a port of ::1: {error}"),
    };
    let port = listener.local_addr().expect("an address").port();
    let heard = tokio::spawn(async move { listener.accept().await.map(drop) });
    let world = World::new().await;
    let database = format!("mysql://admin:secretpw@[::1]:{port}/demodb2");
    let (code, answer) = examined(&world, &["--database", &database]).await;
    assert_eq!((code, problems(&answer)), (1, vec!["server"]));
    let says = answer["findings"][0]["says"].as_str().expect("a sentence");
    assert!(says.contains(&format!("[::1]:{port}")) && !says.contains("lookup"), "{says}");
    heard.await.expect("a task").expect("a connection");
}
