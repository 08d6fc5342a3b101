//! The parts of a stack, started and described.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::servers::Servers;
use super::{MysqlInfo, ObserverInfo, StackInfo, StackOptions};
use crate::aws::Aws;
use crate::front::{API_PATH, RestApi};
use crate::mariadb::{MariaDb, MariaDbOptions};
use crate::ministack::{MiniStack, MiniStackOptions};
use crate::{FUNCTIONS, REGION, STACK_NAME};

/// Empties the working folder but for the code that was unpacked, and returns its full path.
pub(super) fn prepare(options: &StackOptions) -> Result<PathBuf> {
    let dir = fs::canonicalize(&options.dir)
        .with_context(|| format!("resolving {}", options.dir.display()))?;
    let _ = fs::remove_file(StackOptions::stack_json(&dir));
    for old in ["mariadb", "ministack", "logs", "sam"] {
        let old = dir.join(old);
        if old.exists() {
            fs::remove_dir_all(&old).with_context(|| format!("removing {}", old.display()))?;
        }
    }
    let logs = dir.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
    Ok(dir)
}

pub(super) async fn start_mariadb(options: &StackOptions) -> Result<MariaDb> {
    let step = options.progress.step("starting MariaDB");
    let mariadb = MariaDb::start(
        MariaDbOptions::new(options.dir.join("mariadb")).max_connections(options.max_connections),
    )
    .await?;
    step.done();
    Ok(mariadb)
}

pub(super) async fn start_ministack(
    options: &StackOptions,
    servers: &Servers,
) -> Result<MiniStack> {
    let step = options.progress.step("starting MiniStack");
    let ministack = MiniStack::start(&MiniStackOptions {
        venv: options.venv.clone(),
        dir: options.dir.join("ministack"),
        log: options.logs().join("ministack.log"),
        proxied: FUNCTIONS
            .iter()
            .map(|function| format!("{STACK_NAME}-{function}"))
            .map(|name| (name.clone(), servers.invoke_url(&name)))
            .collect(),
    })
    .await?;
    step.done();
    Ok(ministack)
}

/// The secret of a database that exists already, in the shape that RDS gives one.
pub(super) async fn store_secret(aws: &Aws, mariadb: &MariaDb) -> Result<String> {
    let secret = json!({
        "username": mariadb.admin().user(),
        "password": mariadb.admin().password(),
        "engine": "mysql",
        "host": "127.0.0.1",
        "port": mariadb.port(),
        "dbname": mariadb.database(),
    });
    aws.create_secret(&format!("{STACK_NAME}-database"), &secret).await
}

pub(super) async fn describe(
    aws: &Aws,
    servers: &Servers,
    mariadb: &MariaDb,
    options: &StackOptions,
) -> Result<(StackInfo, RestApi)> {
    let mut outputs = aws.stack_outputs(STACK_NAME).await?;
    let mut output = |key: &str| {
        outputs.remove(key).with_context(|| format!("template.yaml has no output {key}"))
    };
    let api = RestApi::from_url(&output("ApiUrl")?)?;
    let info = StackInfo {
        api_url: format!("{}{API_PATH}", servers.aws_endpoint()),
        aws_endpoint: servers.aws_endpoint().to_owned(),
        region: REGION.to_owned(),
        counter_function: output("CounterFunctionName")?,
        query_function: output("QueryFunctionName")?,
        init_function: output("InitFunctionName")?,
        rotate_function: output("RotateFunctionName")?,
        table: output("TableName")?,
        pool: output("PoolName")?,
        secret_arn: output("SecretArn")?,
        mysql: MysqlInfo {
            host: "127.0.0.1".to_owned(),
            port: mariadb.port(),
            admin_user: mariadb.admin().user().to_owned(),
            admin_password: mariadb.admin().password().to_owned(),
            database: mariadb.database().to_owned(),
        },
        observer: ObserverInfo {
            socket: mariadb.socket(),
            user: mariadb.observer().user().to_owned(),
            password: mariadb.observer().password().to_owned(),
        },
        logs: options.logs(),
    };
    Ok((info, api))
}

/// This machine's processor in Lambda's words.
pub(super) fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}
