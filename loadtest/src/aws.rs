//! The AWS account of the deployment, or the stand-in of a local stack.

use aws_config::{BehaviorVersion, Region, SdkConfig};

use crate::stack::Stack;

/// How to reach AWS: by the stack's file when there is one, otherwise as every AWS tool does, by the
/// environment and the shared configuration files.
pub(crate) async fn config(stack: Option<&Stack>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(stack) = stack {
        // The local stack checks no signatures, but a request has to have one.
        loader = loader
            .endpoint_url(&stack.aws_endpoint)
            .region(Region::new(stack.region.clone()))
            .test_credentials();
    }
    loader.load().await
}
