//! What looks after the database.
//!
//! [`init`] is the stack's custom resource: it prepares the database and gives the pool its size.
//! [`cloudformation`] is how a custom resource answers.

pub mod cloudformation;
pub mod init;
