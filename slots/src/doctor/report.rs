//! What the doctor says.

use std::fmt;

use serde::Serialize;

use super::{Seen, Server};
use crate::status::Status;
use crate::words::counted;

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
    /// Connections to the service's database, when the server let the doctor in.
    service_connections: Option<usize>,
}

impl Report {
    /// A report of `findings`.
    pub(crate) fn new(mut findings: Vec<Finding>, pool: Option<Status>, seen: &Seen) -> Self {
        findings.sort_by_key(|finding| finding.severity == Severity::Note);
        let healthy = findings.iter().all(|finding| finding.severity == Severity::Note);
        let observed = seen.observed.as_ref().ok();
        let server = observed.map(|observed| observed.server.clone());
        let service_connections = observed.map(|observed| observed.service().count());
        Self { healthy, findings, pool, server, service_connections }
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
        if let (Some(server), Some(count)) = (&self.server, self.service_connections) {
            let Server { version, max_connections, .. } = server;
            let connections = counted(count, "connection", "connections");
            writeln!(
                f,
                "server   {version}: {connections} to the service's database, of {max_connections} that it \
                 takes"
            )?;
        }
        f.write_str(if self.healthy { "Nothing is wrong." } else { "Something is wrong." })
    }
}
