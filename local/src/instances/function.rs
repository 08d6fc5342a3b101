//! What the host knows about a function: Lambda's own record of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// `GetFunction`'s answer, as far as it is used.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionRecord {
    /// How to run the function.
    pub configuration: Configuration,
    /// Where its code is.
    pub code: Code,
    /// Its own share of the account's concurrency, when it has one.
    pub concurrency: Option<Concurrency>,
}

/// The record's `Configuration`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Configuration {
    /// The function's name.
    pub function_name: String,
    /// Its ARN.
    pub function_arn: String,
    /// Changes with every change of code or configuration.
    pub revision_id: String,
    /// Identifies the code (base64).
    pub code_sha256: String,
    /// The entry point; custom runtimes may ignore it.
    #[serde(default)]
    pub handler: String,
    /// Seconds an invocation may take.
    pub timeout: u64,
    /// Memory in MB. Told to the function, not enforced.
    pub memory_size: u32,
    /// The function's own environment.
    #[serde(default)]
    pub environment: Environment,
}

/// The configuration's `Environment`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    /// Names and values.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// The record's `Code`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Code {
    /// Where the zip can be downloaded.
    pub location: String,
}

/// The record's `Concurrency`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Concurrency {
    /// At most this many invocations run at once.
    pub reserved_concurrent_executions: usize,
}

impl FunctionRecord {
    /// The function's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.configuration.function_name
    }

    /// What makes an instance of it outdated.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.configuration.revision_id
    }

    /// How long an invocation may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.configuration.timeout)
    }

    /// How many invocations may run at once; `None` for no limit of its own.
    #[must_use]
    pub fn reserved_concurrency(&self) -> Option<usize> {
        self.concurrency.as_ref().map(|concurrency| concurrency.reserved_concurrent_executions)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::FunctionRecord;

    #[test]
    fn reads_get_functions_answer() {
        let record: FunctionRecord = serde_json::from_value(json!({
            "Configuration": {
                "FunctionName": "counter", "FunctionArn": "arn:aws:lambda:…:counter",
                "RevisionId": "r1", "CodeSha256": "a/b=", "Handler": "bootstrap",
                "Timeout": 3, "MemorySize": 128, "Version": "$LATEST",
                "Environment": {"Variables": {"TABLE_NAME": "t"}}
            },
            "Code": {"RepositoryType": "S3", "Location": "http://127.0.0.1/zip"},
            "Concurrency": {"ReservedConcurrentExecutions": 5}
        }))
        .unwrap();
        assert_eq!(record.name(), "counter");
        assert_eq!(record.timeout(), Duration::from_secs(3));
        assert_eq!(record.reserved_concurrency(), Some(5));
        assert_eq!(record.configuration.environment.variables["TABLE_NAME"], "t");
    }

    #[test]
    fn environment_and_concurrency_may_be_missing() {
        let record: FunctionRecord = serde_json::from_value(json!({
            "Configuration": {
                "FunctionName": "f", "FunctionArn": "a", "RevisionId": "r", "CodeSha256": "c",
                "Timeout": 1, "MemorySize": 128
            },
            "Code": {"Location": "http://127.0.0.1/zip"}
        }))
        .unwrap();
        assert_eq!(record.reserved_concurrency(), None);
        assert!(record.configuration.environment.variables.is_empty());
    }
}
