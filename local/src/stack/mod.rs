//! The whole: brings the parts up in order, and takes them down in reverse.

mod info;
mod lock;
mod options;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

pub use info::{MysqlInfo, StackInfo};
pub use lock::{Holder, Lock};
pub use options::StackOptions;
use servers::Servers;

use crate::aws::Aws;
use crate::deploy::{self, Parameters, Sam};
use crate::front::{API_PATH, RestApi};
use crate::mariadb::{MariaDb, MariaDbOptions};
use crate::ministack::{MiniStack, MiniStackOptions};
use crate::{FUNCTIONS, REGION, STACK_NAME};

/// A running stack. Take it [`down`](Self::down); dropped, it is killed.
pub struct Stack {
    info: StackInfo,
    info_path: PathBuf,
    mariadb: MariaDb,
    ministack: MiniStack,
    servers: Servers,
    // Last: the folder is free when all else is gone.
    _lock: Lock,
}

impl Stack {
    /// Brings a stack up and describes it in `stack.json` of the working folder. What an earlier
    /// stack left there is removed first, its logs too.
    ///
    /// # Errors
    /// When a part can't be started, built or deployed, or another stack runs in this folder.
    /// Nothing keeps running then.
    pub async fn up(options: StackOptions) -> Result<Self> {
        let lock = match Lock::take(&options.dir)? {
            Ok(lock) => lock,
            Err(Holder::Process(pid)) => {
                bail!("a stack is up already in {} (pid {pid})", options.dir.display())
            }
            Err(Holder::Nobody) => bail!("the lock in {} is in use", options.dir.display()),
        };
        let dir = prepare(&options)?;
        let options = options.dir(dir);
        let sam = Sam {
            venv: options.venv.clone(),
            project: options.project.clone(),
            dir: options.dir.join("sam"),
            log: options.logs().join("sam.log"),
        };
        let local =
            Parameters::default().with("Architecture", architecture()).with("DatabaseTls", "off");

        let step = options.progress.step("building the functions");
        deploy::build(&sam, &local, &step).await?;
        step.done();

        let servers = Servers::bind().await?;
        let (mariadb, ministack) =
            tokio::try_join!(start_mariadb(&options), start_ministack(&options, &servers))?;
        let front = servers.serve(&options, ministack.url())?;

        let step = options.progress.step("deploying template.yaml");
        let aws = Aws::new(ministack.url());
        let secret_arn = store_secret(&aws, &mariadb).await?;
        let parameters = local.with("ExistingSecretArn", &secret_arn).with_all(&options.parameters);
        deploy::deploy(&sam, servers.aws_endpoint(), STACK_NAME, &parameters).await?;
        let info = describe(&aws, &servers, &mariadb, &options).await?;
        front.serve_api(info.1);
        step.done();

        let info_path = StackOptions::stack_json(&options.dir);
        info.0.save(&info_path)?;
        Ok(Self { info: info.0, info_path, mariadb, ministack, servers, _lock: lock })
    }

    /// What an outside client needs to know.
    #[must_use]
    pub fn info(&self) -> &StackInfo {
        &self.info
    }

    /// The file that says so.
    #[must_use]
    pub fn info_path(&self) -> &Path {
        &self.info_path
    }

    /// The database.
    #[must_use]
    pub fn mariadb(&self) -> &MariaDb {
        &self.mariadb
    }

    /// Takes everything down and waits until it is gone.
    ///
    /// # Errors
    /// When a part does not go as it should; the others are taken down all the same.
    pub async fn down(self) -> Result<()> {
        let removed = fs::remove_file(&self.info_path);
        self.servers.close().await;
        let ministack = self.ministack.stop().await;
        let mariadb = self.mariadb.stop().await;
        removed.with_context(|| format!("removing {}", self.info_path.display()))?;
        ministack.and(mariadb)
    }
}

/// Empties the working folder but for the code that was unpacked, and returns its full path.
fn prepare(options: &StackOptions) -> Result<PathBuf> {
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

async fn start_mariadb(options: &StackOptions) -> Result<MariaDb> {
    let step = options.progress.step("starting MariaDB");
    let mariadb = MariaDb::start(
        MariaDbOptions::new(options.dir.join("mariadb")).max_connections(options.max_connections),
    )
    .await?;
    step.done();
    Ok(mariadb)
}

async fn start_ministack(options: &StackOptions, servers: &Servers) -> Result<MiniStack> {
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
async fn store_secret(aws: &Aws, mariadb: &MariaDb) -> Result<String> {
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
        logs: options.logs(),
    };
    Ok((info, api))
}

/// This machine's processor in Lambda's words.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}
