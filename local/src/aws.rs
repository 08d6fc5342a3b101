//! The few calls to the AWS APIs that the stack itself needs, over plain HTTP.
//!
//! The SDKs would add a few hundred crates. MiniStack checks no signatures; it reads the service's name from them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::REGION;

/// `GetFunction`'s answer, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FunctionRecord {
    pub(crate) configuration: Configuration,
    code: Code,
    concurrency: Option<Concurrency>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Configuration {
    pub(crate) function_name: String,
    pub(crate) function_arn: String,
    /// Changes with every change of code or configuration.
    revision_id: String,
    /// The code's hash in base64.
    pub(crate) code_sha256: String,
    #[serde(default)]
    pub(crate) handler: String,
    /// Seconds.
    timeout: u64,
    /// Megabytes. Passed to the function, not enforced.
    pub(crate) memory_size: u32,
    #[serde(default)]
    pub(crate) environment: Environment,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Environment {
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    location: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Concurrency {
    reserved_concurrent_executions: usize,
}

impl FunctionRecord {
    pub(crate) fn name(&self) -> &str {
        &self.configuration.function_name
    }

    /// Instances of another revision are outdated.
    pub(crate) fn revision(&self) -> &str {
        &self.configuration.revision_id
    }

    /// The time limit of an invocation.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.configuration.timeout)
    }

    /// The most concurrent invocations; `None` without a limit of the function's own.
    pub(crate) fn reserved_concurrency(&self) -> Option<usize> {
        self.concurrency.as_ref().map(|concurrency| concurrency.reserved_concurrent_executions)
    }
}

/// A client of the AWS APIs at one URL.
pub(crate) struct Aws {
    endpoint: String,
    http: Client,
}

impl Aws {
    /// `endpoint` has no slash at the end.
    pub(crate) fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), http: Client::new() }
    }

    /// Lambda's `GetFunction`; `None` when there is no such function.
    pub(crate) async fn function(&self, name: &str) -> Result<Option<FunctionRecord>> {
        let url = format!("{}/2015-03-31/functions/{name}", self.endpoint);
        let answer = send("GetFunction", sign(self.http.get(url), "lambda")).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let record = accept("GetFunction", answer)
            .await?
            .json()
            .await
            .with_context(|| format!("reading GetFunction's answer about {name}"))?;
        Ok(Some(record))
    }

    /// Downloads a function's code, a zip file.
    pub(crate) async fn code(&self, record: &FunctionRecord) -> Result<Vec<u8>> {
        let answer = send("a download", self.http.get(&record.code.location)).await?;
        let bytes = accept("a download", answer).await?.bytes().await;
        Ok(bytes.context("reading a download")?.to_vec())
    }

    /// Secrets Manager's `CreateSecret`; returns the secret's ARN. Errors do not contain the secret.
    pub(crate) async fn create_secret(&self, name: &str, secret: &Value) -> Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            #[serde(rename = "ARN")]
            arn: String,
        }
        let body = json!({
            "Name": name,
            "SecretString": secret.to_string(),
            "ClientRequestToken": uuid::Uuid::new_v4().to_string(),
        });
        let request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "secretsmanager.CreateSecret")
            .body(body.to_string());
        let answer = send("CreateSecret", sign(request, "secretsmanager")).await?;
        let created: Created = accept("CreateSecret", answer)
            .await?
            .json()
            .await
            .context("reading CreateSecret's answer")?;
        Ok(created.arn)
    }

    /// The outputs of a CloudFormation stack by key.
    pub(crate) async fn stack_outputs(&self, stack: &str) -> Result<BTreeMap<String, String>> {
        let form = format!("Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        let request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = send("DescribeStacks", sign(request, "cloudformation")).await?;
        let text = accept("DescribeStacks", answer).await?.text().await;
        parse_outputs(&text.context("reading DescribeStacks' answer")?)
    }
}

async fn send(call: &str, request: RequestBuilder) -> Result<Response> {
    request.send().await.with_context(|| format!("sending {call}"))
}

async fn accept(call: &str, answer: Response) -> Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    anyhow::bail!("{call} failed with {status}: {text}")
}

fn sign(request: RequestBuilder, service: &str) -> RequestBuilder {
    request.header(
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20200101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        ),
    )
}

fn parse_outputs(xml: &str) -> Result<BTreeMap<String, String>> {
    let document = roxmltree::Document::parse(xml).context("parsing DescribeStacks' answer")?;
    let text = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children()
            .find(|child| child.tag_name().name() == name)
            .and_then(|child| child.text())
            .map(str::to_owned)
    };
    let outputs: BTreeMap<_, _> = document
        .descendants()
        .filter_map(|node| Some((text(node, "OutputKey")?, text(node, "OutputValue")?)))
        .collect();
    ensure!(!outputs.is_empty(), "the stack has no outputs");
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_outputs_of_a_stack() {
        let outputs = parse_outputs(
            r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
              <DescribeStacksResult><Stacks><member><Outputs>
                <member><OutputKey>A</OutputKey><OutputValue>1 &amp; 2</OutputValue></member>
                <member><OutputKey>B</OutputKey><OutputValue>b</OutputValue></member>
              </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"#,
        )
        .unwrap();
        assert_eq!(outputs["A"], "1 & 2");
        assert_eq!(outputs["B"], "b");
    }

    #[test]
    fn a_stack_without_outputs_is_an_error() {
        assert!(parse_outputs("<DescribeStacksResponse/>").is_err());
        assert!(parse_outputs("not xml").is_err());
    }

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
