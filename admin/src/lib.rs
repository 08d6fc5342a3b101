//! The Lambdas that administer the database.
//!
//! [`init`] is the stack's custom resource: it prepares the database and defines the pool. [`rotate`] is the rotation
//! function of the database's secret.

pub mod cloudformation;
pub mod init;
pub mod rotate;
