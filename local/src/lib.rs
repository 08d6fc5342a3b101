//! The whole cloud on one machine.

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
pub const FUNCTIONS: [&str; 3] = ["counter", "query", "init"];
