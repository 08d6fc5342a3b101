//! The Lambda behind `GET /employees`, and behind `GET /`, the article's path.
//!
//! [`Employees`] is what it does: a slot first, then the secret, then one `SELECT COUNT(*)`.
//! [`answer`] is what a client sees of it. [`lambda`] puts both behind API Gateway.

pub mod answer;
mod employees;
mod event;
pub mod lambda;
mod metrics;
mod problem;
mod route;

pub use employees::{Employees, Failure};
pub use route::Route;
