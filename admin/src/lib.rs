//! What looks after the database.
//!
//! [`init`] is the stack's custom resource: it prepares the database and gives the pool its size.
//! [`cloudformation`] is how a custom resource answers. [`rotate`] is the rotation function of the
//! database's secret: it gives the database a new password.

pub mod cloudformation;
pub mod init;
pub mod rotate;
