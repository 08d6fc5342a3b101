//! The environment of a function's process: Lambda's variables, none of this process.

use tokio::process::Command;

use super::catalog::Function;
use crate::REGION;
use crate::process::tethered;

/// All certificate authorities in one file, as on Lambda. Otherwise every instance that starts also reads Debian's
/// folder of one file each.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The addresses of the APIs.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The URL below which each instance has its Runtime API. Lambda's has no path; the Rust runtime accepts one.
    pub(super) runtime_api: String,
    /// The URL of the AWS APIs.
    pub(super) aws_endpoint: String,
}

/// The command that starts instance `id` of `function`.
pub(super) fn command(id: &str, function: &Function, settings: &Settings) -> Command {
    let configuration = &function.record.configuration;
    let name = &configuration.function_name;
    let mut command = tethered(function.code.join("bootstrap"));
    command
        .current_dir(&function.code)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "en_US.UTF-8")
        .env("TZ", ":UTC")
        .env("AWS_LAMBDA_RUNTIME_API", format!("{}/{id}", settings.runtime_api))
        .env("AWS_ENDPOINT_URL", &settings.aws_endpoint)
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        // As on Lambda, each instance has its own credentials. The front door identifies it by them.
        .env("AWS_SESSION_TOKEN", id)
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", configuration.memory_size.to_string())
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", id)
        .env("SSL_CERT_FILE", ROOTS)
        .env("LAMBDA_TASK_ROOT", &function.code)
        .env("_HANDLER", &configuration.handler)
        .envs(&configuration.environment.variables);
    command
}
