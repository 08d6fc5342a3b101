//! The whole cloud on one machine: `template.yaml`, the one that goes to AWS, deployed into real
//! parts on free loopback ports.
//!
//! ```text
//!   curl, loadtest, boto3, SAM CLI            (all at awsEndpoint of stack.json)
//!            │
//!            ▼
//!   ┌─────────────────┐  everything else   ┌───────────────────────────────┐
//!   │   front door    │ ─────────────────► │ MiniStack: CloudFormation,    │
//!   │   [`front`]     │    REST API        │ API Gateway, DynamoDB,        │
//!   └─────────────────┘                    │ Secrets Manager, …            │
//!       ▲    │ Invoke                      └───────────────────────────────┘
//!       │    ▼                                │ GET /employees, custom resource
//!       │  ┌─────────────────┐                │
//!       │  │ execution host  │ ◄──────────────┘
//!       │  │ [`instances`]   │
//!       │  └─────────────────┘
//!       │    │ Runtime API
//!       │    ▼
//!       │  counter, query, init, rotate: processes that stay for the next invocation
//!       │    │        │
//!       └────┘        ▼
//!      AWS APIs     MariaDB [`mariadb`], max_connections as template.yaml pins it
//! ```
//!
//! | part | what is real about it |
//! |---|---|
//! | [`mariadb`] | the server itself, with an account that has no spare connection |
//! | [`instances`] | the functions' own binaries over Lambda's Runtime API: reuse, one invocation at a time, deadlines, reserved concurrency |
//! | [`front`] | `Invoke` as the SDKs speak it, on the one address that everybody calls |
//! | [`ministack`] | an emulator of the other AWS APIs |
//! | [`deploy`] | cargo-lambda and the SAM CLI, as for AWS |
//! | [`stack`] | all of these, up in order and down in reverse |
//!
//! What is not there: IAM (nothing is refused), a VPC, TLS on the way to the database, API Gateway's
//! throttling, and Secrets Manager's rotation: `rotate` is deployed, and whoever wants a rotation asks it
//! for the four steps (`verification/e2e/secrets_manager.py`).
//!
//! # The command
//!
//! `local up` returns when the stack answers and leaves it running, described in
//! `target/local/stack.json`; `local down` ends it. `local run -- COMMAND` does both around a
//! command, which finds that file's path in `STACK_JSON`. A folder (`--dir`) has one stack at a
//! time; stacks in different folders run side by side. Whatever ends the supervisor, even
//! SIGKILL, ends what it started.
//!
//! All output is below `logs` of the folder: one file an instance in `logs/<function>`,
//! `ministack.log`, `sam.log`. `GET /_local/instances` of the front door lists the functions'
//! processes.
//!
//! Below `/_local`, parts can also be disturbed: instances killed or frozen, answers of AWS delayed,
//! refused or lost, the database restarted or its `max_connections` changed. A function that is changed
//! by Lambda's API (`UpdateFunctionConfiguration`) is run as it is then from the next invocation on.
//!
//! # From a test
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use local::{Stack, StackOptions};
//!
//! let options = StackOptions::new("..").dir("../target/local-test");
//! let stack = Stack::up(options).await?;
//! let answer = reqwest::get(&stack.info().api_url).await?;
//! assert!(answer.status().is_success());
//! stack.down().await?;
//! # Ok(())
//! # }
//! ```

pub mod aws;
pub mod deploy;
pub mod front;
pub mod instances;
pub mod mariadb;
pub mod ministack;
mod port;
mod process;
pub mod progress;
pub mod stack;

pub use mariadb::{MariaDb, MariaDbOptions};
pub use stack::{Stack, StackInfo, StackOptions};

/// The region of everything.
pub const REGION: &str = "us-east-1";
/// The name of the CloudFormation stack, and the first part of the functions' names.
pub const STACK_NAME: &str = "rds-admission";
/// The functions of the template: the names of their binaries, and the last part of their own.
pub const FUNCTIONS: [&str; 4] = ["counter", "query", "init", "rotate"];
