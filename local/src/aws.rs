//! The few calls to the AWS APIs that the stack itself needs, over plain HTTP.
//!
//! An SDK would do the same with a few hundred crates more: MiniStack checks no signatures, it
//! only reads from them which service is meant.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::REGION;
use crate::instances::FunctionRecord;

/// A client of the AWS APIs below one URL.
#[derive(Clone, Debug)]
pub struct Aws {
    endpoint: String,
    http: Client,
}

impl Aws {
    /// A client of the APIs below `endpoint` (no slash at the end).
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), http: Client::new() }
    }

    /// Lambda's `GetFunction`; `None` when there is no such function.
    ///
    /// # Errors
    /// When the API can't be reached, refuses, or answers something else.
    pub async fn function(&self, name: &str) -> Result<Option<FunctionRecord>> {
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

    /// Downloads what a pre-signed URL points at.
    ///
    /// # Errors
    /// When it can't be reached or is refused.
    pub async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let answer = send("a download", self.http.get(url)).await?;
        let bytes = accept("a download", answer).await?.bytes().await;
        Ok(bytes.context("reading a download")?.to_vec())
    }

    /// Secrets Manager's `CreateSecret`; returns the secret's ARN.
    ///
    /// # Errors
    /// When the API can't be reached, refuses, or answers something else. The secret is never
    /// part of the error.
    pub async fn create_secret(&self, name: &str, secret: &Value) -> Result<String> {
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

    /// The outputs of a CloudFormation stack, by key.
    ///
    /// # Errors
    /// When the API can't be reached, refuses, or answers something else.
    pub async fn stack_outputs(&self, stack: &str) -> Result<BTreeMap<String, String>> {
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
    anyhow::bail!("{call} was answered {status}: {text}")
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
    use super::parse_outputs;

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
}
