//! What a function's process is started with: Lambda's environment, nothing of this process's.

use tokio::process::Command;

use super::catalog::Function;
use crate::REGION;
use crate::process::tethered;

/// All certificate authorities in one file, which is how Lambda's own system keeps them. Without this
/// Debian's folder of one file for each is read as well, by every instance that starts.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where the processes find the APIs.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The URL that each instance's Runtime API lies below. Lambda gives a host and a port only;
    /// the Rust runtime takes a URL with a path as well.
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
        // As on Lambda each instance has credentials of its own: the front door knows it by these.
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
