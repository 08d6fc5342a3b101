//! The doctor's report.

use std::fmt;

use serde::Serialize;

use super::server::{Server, Settings};
use crate::output::plural;
use crate::status::Status;

/// A problem or a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) severity: Severity,
    #[serde(rename = "says")]
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none", rename = "do")]
    pub(super) advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Problem,
    Note,
}

impl Finding {
    pub(super) fn problem(
        check: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { check, severity: Severity::Problem, message: message.into(), advice }
    }

    pub(super) fn note(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, severity: Severity::Note, message: message.into(), advice: None }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) healthy: bool,
    /// Problems first.
    findings: Vec<Finding>,
    /// `None` when its item is malformed.
    pool: Option<Status>,
    /// `None`, like the number of connections, when the login failed.
    server: Option<Settings>,
    service_connections: Option<usize>,
}

impl Report {
    pub(super) fn new(
        mut findings: Vec<Finding>,
        pool: Option<Status>,
        server: Option<&Server>,
    ) -> Self {
        findings.sort_by_key(|finding| finding.severity == Severity::Note);
        let healthy = findings.iter().all(|finding| finding.severity == Severity::Note);
        let service_connections = server.map(|server| server.service().count());
        let server = server.map(|server| server.settings.clone());
        Self { healthy, findings, pool, server, service_connections }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { severity, message, advice, .. } in &self.findings {
            let label = if *severity == Severity::Problem { "PROBLEM" } else { "note   " };
            writeln!(f, "{label}  {message}")?;
            if let Some(advice) = advice {
                writeln!(f, "         Do: {advice}")?;
            }
        }
        if let Some(status) = &self.pool {
            writeln!(f, "pool     {}", status.line())?;
        }
        if let (Some(settings), Some(count)) = (&self.server, self.service_connections) {
            let Settings { version, max_connections, .. } = settings;
            let connections = plural(count, "connection", "connections");
            writeln!(
                f,
                "server   {version}: {connections} to the service's database; max_connections is \
                 {max_connections}"
            )?;
        }
        f.write_str(if self.healthy { "No problem found." } else { "Problems found." })
    }
}
