//! Starts all parts in order, and stops them in reverse.

mod info;
mod lock;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::sync::Mutex;

pub(crate) use info::StackInfo;
use info::{MysqlInfo, ObserverInfo};
pub(crate) use lock::Lock;
use servers::Servers;

use crate::aws::Aws;
use crate::deploy::Sam;
use crate::front::{API_PATH, RestApi, SharedDatabase};
use crate::mariadb::{MariaDb, MariaDbOptions};
use crate::ministack::{MiniStack, MiniStackOptions};
use crate::parameters::Parameters;
use crate::progress::Progress;
use crate::{FUNCTIONS, REGION, STACK_NAME};

pub(crate) struct StackOptions {
    /// The folder of `template.yaml`.
    pub(crate) project: PathBuf,
    /// The working folder.
    pub(crate) dir: PathBuf,
    /// The Python environment that has MiniStack, the SAM CLI and cargo-lambda.
    pub(crate) venv: PathBuf,
    /// Parameters of the template, beside those of the local database.
    pub(crate) parameters: Parameters,
    pub(crate) progress: Progress,
}

/// The description of the stack in the working folder `dir`.
pub(crate) fn stack_json(dir: &Path) -> PathBuf {
    dir.join("stack.json")
}

/// A running stack. Take it [`down`](Self::down); dropped, it is killed.
pub(crate) struct Stack {
    info: StackInfo,
    info_path: PathBuf,
    mariadb: SharedDatabase,
    ministack: MiniStack,
    servers: Servers,
    // Last: the folder is free when all else has ended.
    _lock: Lock,
}

impl Stack {
    /// Starts a stack and writes its `stack.json`. Removes first what an earlier stack left in the folder, including
    /// its logs. After an error nothing is running.
    pub(crate) async fn up(options: StackOptions) -> Result<Self> {
        let lock = Lock::take(&options.dir)?;
        let StackOptions { project, dir, venv, parameters, progress } = options;
        let dir = prepare(&dir)?;
        let logs = dir.join("logs");
        let sam =
            Sam { venv: venv.clone(), project, dir: dir.join("sam"), log: logs.join("sam.log") };
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let local =
            Parameters::default().with("Architecture", architecture).with("DatabaseTls", "off");

        let step = progress.step("building the functions");
        sam.build(&local, &step).await?;
        step.done();

        let servers = Servers::bind().await?;
        let (mariadb, ministack) = tokio::try_join!(
            start_mariadb(&dir, &progress),
            start_ministack(&dir, venv, &servers, &progress)
        )?;
        let front = servers.serve(&dir, &ministack.url)?;

        let step = progress.step("deploying template.yaml");
        let aws = Aws::new(&ministack.url);
        let secret_arn = create_secret(&aws, &mariadb).await?;
        let parameters = local
            .with("ExistingSecretArn", &secret_arn)
            .with("RotateExistingSecret", "true")
            // MiniStack has no rotation schedules.
            .with("RotationDays", "0")
            .with_all(&parameters);
        sam.deploy(servers.aws_endpoint(), STACK_NAME, &parameters)
            .await
            .with_context(|| format!("deploying (see also {})", logs.display()))?;
        let (info, api) = describe(&aws, servers.aws_endpoint(), &mariadb, logs).await?;
        front.serve_api(api);
        let mariadb = Arc::new(Mutex::new(mariadb));
        front.control(Arc::clone(&mariadb));
        step.done();

        let info_path = stack_json(&dir);
        info.save(&info_path)?;
        Ok(Self { info, info_path, mariadb, ministack, servers, _lock: lock })
    }

    pub(crate) fn info(&self) -> &StackInfo {
        &self.info
    }

    /// The path of `stack.json`.
    pub(crate) fn info_path(&self) -> &Path {
        &self.info_path
    }

    /// Stops all parts and waits for their end. After an error of one part, the others are stopped all the same.
    pub(crate) async fn down(self) -> Result<()> {
        let removed = fs::remove_file(&self.info_path);
        self.servers.close().await;
        let ministack = self.ministack.stop().await;
        let mariadb = self.mariadb.lock().await.shut_down().await;
        removed.with_context(|| format!("removing {}", self.info_path.display()))?;
        ministack.and(mariadb)
    }
}

/// Empties the working folder except for the unpacked code; returns its full path.
fn prepare(dir: &Path) -> Result<PathBuf> {
    let dir = fs::canonicalize(dir).with_context(|| format!("resolving {}", dir.display()))?;
    let _ = fs::remove_file(stack_json(&dir));
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

async fn start_mariadb(dir: &Path, progress: &Progress) -> Result<MariaDb> {
    let step = progress.step("starting MariaDB");
    let mariadb = MariaDb::start(MariaDbOptions::new(dir.join("mariadb"))).await?;
    step.done();
    Ok(mariadb)
}

async fn start_ministack(
    dir: &Path,
    venv: PathBuf,
    servers: &Servers,
    progress: &Progress,
) -> Result<MiniStack> {
    let step = progress.step("starting MiniStack");
    let names = FUNCTIONS.map(|function| format!("{STACK_NAME}-{function}"));
    let options = MiniStackOptions {
        venv,
        dir: dir.join("ministack"),
        log: dir.join("logs/ministack.log"),
        proxied: names.map(|name| (name.clone(), servers.invoke_url(&name))).into(),
    };
    let ministack = MiniStack::start(&options).await?;
    step.done();
    Ok(ministack)
}

/// Creates the secret of an existing database, with the keys that RDS uses.
async fn create_secret(aws: &Aws, mariadb: &MariaDb) -> Result<String> {
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

async fn describe(
    aws: &Aws,
    aws_endpoint: &str,
    mariadb: &MariaDb,
    logs: PathBuf,
) -> Result<(StackInfo, RestApi)> {
    let mut outputs = aws.stack_outputs(STACK_NAME).await?;
    let mut output = |key: &str| {
        outputs.remove(key).with_context(|| format!("template.yaml has no output {key}"))
    };
    let api = RestApi::from_url(&output("ApiUrl")?)?;
    let (admin, observer) = (mariadb.admin(), mariadb.observer());
    let info = StackInfo {
        api_url: format!("{aws_endpoint}{API_PATH}"),
        aws_endpoint: aws_endpoint.to_owned(),
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
            admin_user: admin.user().to_owned(),
            admin_password: admin.password().to_owned(),
            database: mariadb.database().to_owned(),
        },
        observer: ObserverInfo {
            socket: mariadb.socket(),
            user: observer.user().to_owned(),
            password: observer.password().to_owned(),
        },
        logs,
    };
    Ok((info, api))
}
