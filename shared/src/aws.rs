//! AWS clients with timeouts that suit an invocation.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;

/// The counter's own timeout is 5 seconds: the answer to a longer invoke is lost.
#[cfg(feature = "client")]
const COUNTER_ATTEMPT: Duration = Duration::from_secs(6);
#[cfg(feature = "mysql")]
const SECRET_ATTEMPT: Duration = Duration::from_secs(3);
/// DynamoDB answers in milliseconds. A lost request is repeated while the caller still waits.
#[cfg(feature = "direct")]
const TABLE_ATTEMPT: Duration = Duration::from_millis(1_500);
#[cfg(any(feature = "client", feature = "mysql"))]
const CONNECT: Duration = Duration::from_secs(3);

/// Returns a client that invokes the counter.
#[cfg(feature = "client")]
#[must_use]
pub fn counter_client(aws: &SdkConfig) -> aws_sdk_lambda::Client {
    let timeouts = timeouts(CONNECT, COUNTER_ATTEMPT, 2);
    let config = aws_sdk_lambda::config::Builder::from(aws).timeout_config(timeouts);
    aws_sdk_lambda::Client::from_conf(config.build())
}

/// Returns a client of the pools' table.
#[cfg(feature = "direct")]
#[must_use]
pub fn table_client(aws: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let timeouts = timeouts(TABLE_ATTEMPT, TABLE_ATTEMPT, 3);
    let config = aws_sdk_dynamodb::config::Builder::from(aws).timeout_config(timeouts);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// Returns a client that reads the secret, and writes it in a rotation.
#[cfg(feature = "mysql")]
#[must_use]
pub fn secret_client(aws: &SdkConfig) -> aws_sdk_secretsmanager::Client {
    let timeouts = timeouts(CONNECT, SECRET_ATTEMPT, 2);
    let config = aws_sdk_secretsmanager::config::Builder::from(aws).timeout_config(timeouts);
    aws_sdk_secretsmanager::Client::from_conf(config.build())
}

fn timeouts(connect: Duration, attempt: Duration, attempts: u32) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(connect)
        .operation_attempt_timeout(attempt)
        .operation_timeout(attempts * attempt)
        .build()
}
