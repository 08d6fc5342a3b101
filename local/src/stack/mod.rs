//! The whole: brings the parts up in order, and takes them down in reverse.

mod info;
mod lock;
mod options;
mod parts;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::sync::Mutex;

pub use info::{MysqlInfo, ObserverInfo, StackInfo};
pub use lock::{Holder, Lock};
pub use options::StackOptions;
use servers::Servers;

use crate::STACK_NAME;
use crate::aws::Aws;
use crate::deploy::{self, Parameters, Sam};
use crate::front::SharedDatabase;
use crate::ministack::MiniStack;

/// A running stack. Take it [`down`](Self::down); dropped, it is killed.
pub struct Stack {
    info: StackInfo,
    info_path: PathBuf,
    mariadb: SharedDatabase,
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
        let dir = parts::prepare(&options)?;
        let options = options.dir(dir);
        let sam = Sam {
            venv: options.venv.clone(),
            project: options.project.clone(),
            dir: options.dir.join("sam"),
            log: options.logs().join("sam.log"),
        };
        let local = Parameters::default()
            .with("Architecture", parts::architecture())
            .with("DatabaseTls", "off");

        let step = options.progress.step("building the functions");
        deploy::build(&sam, &local, &step).await?;
        step.done();

        let servers = Servers::bind().await?;
        let (mariadb, ministack) = tokio::try_join!(
            parts::start_mariadb(&options),
            parts::start_ministack(&options, &servers)
        )?;
        let front = servers.serve(&options, ministack.url())?;

        let step = options.progress.step("deploying template.yaml");
        let aws = Aws::new(ministack.url());
        let secret_arn = parts::store_secret(&aws, &mariadb).await?;
        let database =
            local.with("ExistingSecretArn", &secret_arn).with("RotateExistingSecret", "true");
        // MiniStack has no rotation schedules.
        let parameters = database.with("RotationDays", "0").with_all(&options.parameters);
        deploy::deploy(&sam, servers.aws_endpoint(), STACK_NAME, &parameters)
            .await
            .with_context(|| format!("deploying (see also {})", options.logs().display()))?;
        let (info, api) = parts::describe(&aws, &servers, &mariadb, &options).await?;
        front.serve_api(api);
        let mariadb = Arc::new(Mutex::new(mariadb));
        front.control(Arc::clone(&mariadb));
        step.done();

        let info_path = StackOptions::stack_json(&options.dir);
        info.save(&info_path)?;
        Ok(Self { info, info_path, mariadb, ministack, servers, _lock: lock })
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

    /// Takes everything down and waits until it is gone.
    ///
    /// # Errors
    /// When a part does not go as it should; the others are taken down all the same.
    pub async fn down(self) -> Result<()> {
        let removed = fs::remove_file(&self.info_path);
        self.servers.close().await;
        let ministack = self.ministack.stop().await;
        let mariadb = self.mariadb.lock().await.end().await;
        removed.with_context(|| format!("removing {}", self.info_path.display()))?;
        ministack.and(mariadb)
    }
}
