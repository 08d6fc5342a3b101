//! Killing things: floods a local stack, disturbs all its parts, watches the database, and judges
//! whether the promise held.
//!
//! | part | what it does |
//! |---|---|
//! | [`flood`] | users who ask for employees, and whose every answer must be one of the contract |
//! | [`faults`] | kills and freezes holders in all phases; makes DynamoDB, Secrets Manager and the database slow, failing, gone and back |
//! | [`server`] | samples the database's list of threads: never more connections than slots |
//! | [`pool`] | samples the pool's item: never more leases than slots, and each count true |
//! | [`frozen`] | follows instances that were frozen beyond their lease: none may touch the database |
//! | [`aftermath`] | when all is over: every slot can be had again |
//! | [`verdict`] | what of this did not hold |
//!
//! The local stack offers the faults at its front door ([`control`]).

mod aftermath;
mod answer;
mod args;
mod control;
mod faults;
mod flood;
mod frozen;
mod ledger;
mod logs;
mod pool;
mod report;
mod run;
mod sampler;
mod scene;
mod server;
mod sockets;
mod stack;
mod verdict;

pub use args::Args;
pub use run::run;
pub use verdict::Verdict;
