//! Whether a run passes.

use serde::{Deserialize, Serialize};

use crate::report::{Broken, Server};

/// Pass or fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether nothing speaks against the run.
    pub pass: bool,
    /// What speaks against it.
    pub reasons: Vec<String>,
}

/// What a verdict rests on.
pub struct Evidence<'a> {
    /// Answers with a count.
    pub admitted: u64,
    /// The fewest that pass.
    pub min_admitted: u64,
    /// Broken answers.
    pub broken: &'a Broken,
    /// Connections that the server refused.
    pub refused: u64,
    /// The server's side, when it was watched.
    pub server: Option<&'a Server>,
    /// Why the watch failed, when it did.
    pub watch_failure: Option<&'a str>,
    /// Whether the run was ended before its time.
    pub interrupted: bool,
}

impl Verdict {
    /// Judges a run.
    #[must_use]
    pub fn on(evidence: &Evidence<'_>) -> Self {
        let mut reasons = Vec::new();
        if evidence.interrupted {
            reasons.push("the run was interrupted".to_owned());
        }
        let broken = evidence.broken.class.count;
        if broken > 0 {
            let most = evidence.broken.reasons.first().map_or("", |reason| &reason.reason);
            reasons.push(format!("{broken} broken, most of them {most}"));
        }
        if evidence.refused > 0 {
            reasons.push(format!("the server refused {} connections", evidence.refused));
        }
        if evidence.admitted < evidence.min_admitted {
            reasons.push(format!(
                "{} admitted, fewer than {}",
                evidence.admitted, evidence.min_admitted
            ));
        }
        if let Some(server) = evidence.server
            && server.peak_used() > server.max_connections
        {
            reasons.push(format!(
                "{} connections in use, more than the server's {}",
                server.peak_used(),
                server.max_connections
            ));
        }
        if let Some(failure) = evidence.watch_failure {
            reasons.push(format!("the server's side is not known: {failure}"));
        }
        Self { pass: reasons.is_empty(), reasons }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Class, Reason};

    fn clean(broken: &Broken) -> Evidence<'_> {
        Evidence {
            admitted: 900,
            min_admitted: 1,
            broken,
            refused: 0,
            server: None,
            watch_failure: None,
            interrupted: false,
        }
    }

    #[test]
    fn a_clean_run_passes() {
        assert_eq!(Verdict::on(&clean(&Broken::default())).reasons, [""; 0]);
    }

    #[test]
    fn each_fault_fails_alone() {
        let none = Broken::default();
        for faulty in [
            Evidence { interrupted: true, ..clean(&none) },
            Evidence { refused: 1, ..clean(&none) },
            Evidence { admitted: 0, ..clean(&none) },
            Evidence { min_admitted: 901, ..clean(&none) },
            Evidence { watch_failure: Some("gone"), ..clean(&none) },
        ] {
            let verdict = Verdict::on(&faulty);
            assert!(!verdict.pass);
            assert_eq!(verdict.reasons.len(), 1, "{:?}", verdict.reasons);
        }
    }

    #[test]
    fn one_broken_answer_fails_and_says_why() {
        let broken = Broken {
            class: Class { count: 1, ..Class::default() },
            reasons: vec![Reason { reason: "502 database-failed".into(), count: 1 }],
            examples: Vec::new(),
        };
        assert_eq!(
            Verdict::on(&clean(&broken)).reasons,
            ["1 broken, most of them 502 database-failed"]
        );
    }

    #[test]
    fn the_servers_limit_is_a_limit() {
        let none = Broken::default();
        for (peak, pass) in [(66, true), (67, false)] {
            let server = Server { max_connections: 66, max_used_after: peak, ..Server::default() };
            let evidence = Evidence { server: Some(&server), ..clean(&none) };
            assert_eq!(Verdict::on(&evidence).pass, pass, "{peak}");
        }
    }
}
