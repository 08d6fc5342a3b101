//! The clients of AWS that whoever takes a slot needs, with timeouts that suit an invocation.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;

/// The counter's own timeout is 5 seconds: an invoke that takes longer is lost.
const COUNTER_ATTEMPT: Duration = Duration::from_secs(6);
const SECRET_ATTEMPT: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(3);

/// The client that invokes the counter.
#[must_use]
pub fn counter_client(aws: &SdkConfig) -> aws_sdk_lambda::Client {
    let config =
        aws_sdk_lambda::config::Builder::from(aws).timeout_config(timeouts(COUNTER_ATTEMPT));
    aws_sdk_lambda::Client::from_conf(config.build())
}

/// The client that reads, and in a rotation writes, the secret.
#[must_use]
pub fn secret_client(aws: &SdkConfig) -> aws_sdk_secretsmanager::Client {
    let config =
        aws_sdk_secretsmanager::config::Builder::from(aws).timeout_config(timeouts(SECRET_ATTEMPT));
    aws_sdk_secretsmanager::Client::from_conf(config.build())
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(2 * attempt)
        .build()
}
