//! What the doctor says.

use std::fmt;

use serde::Serialize;

use super::{Seen, Server};
use crate::status::Status;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Which check found it.
    pub(crate) check: &'static str,
    /// Whether something has to be done.
    pub(crate) severity: Severity,
    /// What it is, as a sentence.
    pub(crate) says: String,
    /// What to do, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none", rename = "do")]
    pub(crate) advice: Option<String>,
}

/// Whether something has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something is wrong.
    Problem,
    /// Something is good to know.
    Note,
}

impl Finding {
    /// Something is wrong: what, and what to do.
    pub(crate) fn problem(check: &'static str, says: String, advice: impl Into<String>) -> Self {
        Self { check, severity: Severity::Problem, says, advice: Some(advice.into()) }
    }

    /// Something is good to know.
    pub(crate) fn note(check: &'static str, says: String) -> Self {
        Self { check, severity: Severity::Note, says, advice: None }
    }
}

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Whether no problem was found.
    pub(crate) healthy: bool,
    /// What was found, problems first.
    findings: Vec<Finding>,
    /// The pool, when its item is sound.
    pool: Option<Status>,
    /// The server, when it let the doctor in.
    server: Option<Server>,
    /// Connections to the service's database.
    service_connections: usize,
}

impl Report {
    /// A report of `findings`.
    pub(crate) fn new(mut findings: Vec<Finding>, pool: Option<Status>, seen: &Seen<'_>) -> Self {
        findings.sort_by_key(|finding| finding.severity == Severity::Note);
        let healthy = findings.iter().all(|finding| finding.severity == Severity::Note);
        let service_connections = seen.service().count();
        Self { healthy, findings, pool, server: seen.server.clone(), service_connections }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { severity, says, advice, .. } in &self.findings {
            let word = if *severity == Severity::Problem { "PROBLEM" } else { "note   " };
            writeln!(f, "{word}  {says}")?;
            if let Some(advice) = advice {
                writeln!(f, "         Do: {advice}")?;
            }
        }
        if let Some(status) = &self.pool {
            writeln!(f, "pool     {}", status.line())?;
        }
        if let Some(server) = &self.server {
            writeln!(
                f,
                "server   {}: {} connections to the service's database, of {} that it takes",
                server.version, self.service_connections, server.max_connections
            )?;
        }
        f.write_str(if self.healthy { "Nothing is wrong." } else { "Something is wrong." })
    }
}
