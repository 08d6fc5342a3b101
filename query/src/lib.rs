//! The Lambda function behind `GET /employees`, and `GET /`, the path in the AWS article.
//!
//! [`Employees`] acquires a slot, reads the secret and runs one `SELECT COUNT(*)`. [`answer`] has the HTTP answers.
//! [`lambda`] connects both to API Gateway.

pub mod answer;
mod employees;
mod event;
pub mod lambda;
mod metrics;
mod problem;

pub use employees::{Employees, Failure};
pub use event::Route;
