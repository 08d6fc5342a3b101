//! The clients of AWS that whoever takes a slot needs, with timeouts that suit an invocation.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;

/// The counter's own timeout is 5 seconds: an invoke that takes longer is lost.
const COUNTER_ATTEMPT: Duration = Duration::from_secs(6);
const SECRET_ATTEMPT: Duration = Duration::from_secs(3);
const TABLE_ATTEMPT: Duration = Duration::from_millis(1_500);
const CONNECT: Duration = Duration::from_secs(3);

/// The client that invokes the counter.
#[must_use]
pub fn counter_client(aws: &SdkConfig) -> aws_sdk_lambda::Client {
    let config =
        aws_sdk_lambda::config::Builder::from(aws).timeout_config(timeouts(COUNTER_ATTEMPT));
    aws_sdk_lambda::Client::from_conf(config.build())
}

/// The client of the pools' table: short timeouts, so that a lost request is tried again while the caller
/// still waits. DynamoDB answers in milliseconds, and the counter's own timeout is 5 seconds.
#[must_use]
pub fn table_client(aws: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(TABLE_ATTEMPT)
        .operation_attempt_timeout(TABLE_ATTEMPT)
        .operation_timeout(3 * TABLE_ATTEMPT)
        .build();
    let config = aws_sdk_dynamodb::config::Builder::from(aws).timeout_config(timeouts);
    aws_sdk_dynamodb::Client::from_conf(config.build())
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
