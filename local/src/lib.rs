//! The whole cloud on one machine: `template.yaml`, the one that goes to AWS, deployed into real parts on free
//! loopback ports.
//!
//! ```text
//!   curl, loadtest, boto3, SAM CLI            (all use awsEndpoint of stack.json)
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
//!       │  counter, query, init, rotate: processes that are reused
//!       │    │        │
//!       └────┘        ▼
//!      AWS APIs     MariaDB [`mariadb`], max_connections as in template.yaml
//! ```
//!
//! | part | what is real about it |
//! |---|---|
//! | [`mariadb`] | the server, with an account that has no spare connection |
//! | [`instances`] | the functions' binaries over Lambda's Runtime API: reuse, one invocation at a time, deadlines, reserved concurrency |
//! | [`front`] | `Invoke` as the SDKs send it, on the one address that all clients use |
//! | `ministack` | an emulator of the other AWS APIs |
//! | `deploy` | cargo-lambda and the SAM CLI, as for AWS |
//! | `stack` | starts all of these in order and stops them in reverse |
//!
//! Not there: IAM (every request is allowed), a VPC, TLS to the database, API Gateway's throttling, and Secrets
//! Manager's rotation (`verification/e2e/secrets_manager.py` invokes the four steps of `rotate` instead).
//!
//! # The command
//!
//! `local up` returns when the stack answers and leaves it running, described in `target/local/stack.json`;
//! `local down` stops it. `local run -- COMMAND` does both around a command, which finds that file's path in
//! `STACK_JSON`. A folder (`--dir`) has one stack at a time; stacks in different folders run side by side. When the
//! supervisor ends, even by SIGKILL, everything that it started ends.
//!
//! All output is in the folder's `logs`: one file per instance in `logs/<function>`, `ministack.log`, `sam.log`.
//!
//! The front door serves a control API below `/_local`: it lists instances (`GET /_local/instances`), kills or freezes
//! them, injects faults into the functions' AWS calls, restarts the database and changes its `max_connections`.
//! A change of a function by Lambda's API (`UpdateFunctionConfiguration`) applies from the next invocation on.

mod args;
mod aws;
mod commands;
mod deploy;
pub mod front;
pub mod instances;
pub mod mariadb;
mod ministack;
mod parameters;
mod process;
mod progress;
mod screen;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

pub use mariadb::{MariaDb, MariaDbOptions};

const REGION: &str = "us-east-1";
/// The name of the CloudFormation stack, and the prefix of the functions' names.
const STACK_NAME: &str = "rds-admission";
/// The functions of the template, by the names of their binaries.
const FUNCTIONS: [&str; 4] = ["counter", "query", "init", "rotate"];

/// Runs the command line; returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    commands::run(&args::Cli::parse()).unwrap_or_else(|error| {
        eprintln!("local: {error:#}");
        ExitCode::FAILURE
    })
}
