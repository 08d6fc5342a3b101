//! Builds the functions and deploys `template.yaml`, with the same tools as to AWS: cargo-lambda
//! and the SAM CLI.

mod build;
mod parameters;
mod sam;

pub use build::build;
pub use parameters::Parameters;
pub use sam::{Sam, deploy};
