//! The verdict.

use crate::{
    outcome::API_LIMIT,
    report::{Admission, Run, Thresholds, Verdict},
};

/// Judges the last run. Earlier runs only have to be valid for a comparison.
pub(crate) fn judge(runs: &[Run], thresholds: &Thresholds) -> Verdict {
    let mut reasons = Vec::new();
    let mut notes = Vec::new();
    if runs.iter().any(|run| run.interrupted) {
        reasons.push("the test was interrupted".to_owned());
    }
    match runs.split_last() {
        Some((judged, others)) => {
            reasons.extend(faults(judged, thresholds));
            for other in others {
                reasons.extend(not_sent(other));
                reasons.extend(needless(other));
            }
        }
        None => reasons.push("there was no run".to_owned()),
    }
    notes.extend(runs.iter().flat_map(remarks));
    Verdict { pass: reasons.is_empty(), reasons, notes }
}

/// Why a run fails.
fn faults(run: &Run, thresholds: &Thresholds) -> Vec<String> {
    let mut faults = Vec::new();
    let broken = run.broken.class.count;
    if broken > thresholds.max_broken {
        let most = run.broken.reasons.first().map_or("", |reason| &reason.reason);
        faults.push(format!("{broken} broken, most of them {most}"));
    }
    faults.extend(not_sent(run));
    if run.refused > thresholds.max_refused {
        faults.push(format!("the server refused {} connections", run.refused));
    }
    if run.admitted.count < thresholds.min_admitted {
        faults.push(format!(
            "{} admitted, fewer than {}",
            run.admitted.count, thresholds.min_admitted
        ));
    }
    if let Some(server) = &run.server
        && server.peak_used > server.max_connections
    {
        faults.push(format!(
            "{} connections in use, more than the server's {}",
            server.peak_used, server.max_connections
        ));
    }
    if let Some(failure) = &run.server_failure {
        faults.push(format!("the database was not watched: {failure}"));
    }
    if let Some(failure) = &run.slots_failure {
        faults.push(format!("the pool was not sampled: {failure}"));
    }
    if let Some(lateness) = run.lateness
        && lateness.unsent > 0
    {
        faults.push(format!(
            "{} requests were due and never sent, because all users waited for answers: use more users",
            lateness.unsent
        ));
    }
    faults.extend(thresholds.min_utilisation.and_then(|least| idle(run, least)));
    faults.extend(thresholds.max_rejection_p99_ms.and_then(|longest| slow(run, longest)));
    faults
}

/// Requests that this machine could not send, which make a run invalid.
fn not_sent(run: &Run) -> impl Iterator<Item = String> {
    run.not_sent.iter().map(|lacked| {
        format!(
            "{} requests could not be sent: the load test's own machine ran out of {}",
            lacked.count, lacked.reason
        )
    })
}

/// Too low a utilisation.
fn idle(run: &Run, least: f64) -> Option<String> {
    // Unreadable slots are a fault of their own.
    let slots = run.slots.as_ref()?;
    match slots.utilisation {
        Some(seen) if seen.mean >= least => None,
        Some(seen) => Some(format!(
            "the slots were used to {}, less than {}",
            percent(seen.mean),
            percent(least)
        )),
        None => Some("too few callers were rejected to measure the utilisation".to_owned()),
    }
}

/// Too slow rejections.
fn slow(run: &Run, longest: f64) -> Option<String> {
    match &run.rejected.class.latency {
        Some(latency) if latency.p99_ms <= longest => None,
        Some(latency) => Some(format!(
            "1 % of the rejections took {:.0} ms or longer, more than {longest:.0} ms",
            latency.p99_ms
        )),
        None => Some("there were no rejections to measure".to_owned()),
    }
}

/// A run without admission that shows nothing.
fn needless(run: &Run) -> Option<String> {
    let is_needless = run.admission == Admission::Bypassed && run.refused == 0;
    is_needless.then(|| {
        "the server refused no connection without admission either: the comparison shows nothing"
            .to_owned()
    })
}

/// Remarks about a run's numbers.
fn remarks(run: &Run) -> Vec<String> {
    let mut remarks = Vec::new();
    let which = match run.admission {
        Admission::Bypassed => "Without admission",
        Admission::On => "With admission",
        Admission::AsDeployed => "In this run",
    };
    if let Some(limited) = run.broken.reasons.iter().find(|reason| reason.reason == API_LIMIT) {
        remarks.push(format!(
            "{which}, API Gateway itself answered 429 to {} of {} requests: raise the template's \
             RequestsPerSecond and RequestBurst, or reduce the load",
            limited.count, run.offered
        ));
    }
    if let Some(server) = &run.server
        && server.samples.service.is_empty()
        && !server.samples.used.is_empty()
    {
        remarks.push(format!(
            "{which}, the service's own connections are unknown: the database's account can't see the \
             connections of others (it lacks PROCESS)"
        ));
    }
    if let Some(server) = &run.server
        && server.peak_is_sampled
    {
        remarks.push(format!(
            "{which}, the peak of the connections is from {} samples: the server's own peak, {}, is from an \
             earlier time",
            server.samples.used.len(),
            server.max_used_before
        ));
    }
    if let Some(lateness) = run.lateness
        && lateness.late > 0
    {
        remarks.push(format!(
            "{which}, {} of {} requests were sent more than 100 ms late, the latest by {:.0} ms, because there \
             were too few users or the machine was busy; their latencies count from when they were due",
            lateness.late, run.offered, lateness.max_ms
        ));
    }
    remarks
}

/// A share in percent, rounded down to a tenth.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", (share * 1000.0).floor() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        Broken, Class, Connections, Latency, Lateness, Reason, Rejected, Server, SlotSamples,
        Slots, Timeline, Utilisation,
    };

    const LENIENT: Thresholds = Thresholds {
        max_broken: 0,
        max_refused: 0,
        min_admitted: 1,
        min_utilisation: None,
        max_rejection_p99_ms: None,
    };

    fn clean() -> Run {
        Run {
            admission: Admission::On,
            started_at: 1_764_000_000,
            elapsed_seconds: 30.0,
            interrupted: false,
            offered: 1_000,
            admitted: Class { count: 900, ..Class::default() },
            rejected: Rejected::default(),
            broken: Broken::default(),
            refused: 0,
            refused_callers: 0,
            clients: Vec::new(),
            not_sent: Vec::new(),
            lateness: None,
            timeline: Timeline::default(),
            server: None,
            server_failure: None,
            slots: None,
            slots_failure: None,
            goose: None,
        }
    }

    fn used(mean: f64) -> Slots {
        Slots {
            pool: "Prod_MySQL".to_owned(),
            size: 62,
            standard: 60,
            peak: 60,
            utilisation: Some(Utilisation { mean, samples: 100, seconds: 25 }),
            samples: SlotSamples::default(),
        }
    }

    fn rejected_within(ms: f64) -> Rejected {
        let latency = Latency {
            p50_ms: ms,
            p95_ms: ms,
            p99_ms: ms,
            p999_ms: ms,
            max_ms: ms,
            distribution: Vec::new(),
        };
        let class = Class { count: 100, per_second: 10.0, latency: Some(latency) };
        Rejected { class, reasons: Vec::new() }
    }

    /// What speaks against one run.
    fn against(run: Run, thresholds: &Thresholds) -> Vec<String> {
        let verdict = judge(&[run], thresholds);
        assert_eq!(verdict.pass, verdict.reasons.is_empty());
        verdict.reasons
    }

    #[test]
    fn a_clean_run_passes() {
        assert_eq!(against(clean(), &LENIENT), [""; 0]);
    }

    #[test]
    fn each_fault_fails_alone() {
        let server = Server { max_connections: 66, peak_used: 67, ..Server::default() };
        let unsent = Lateness { max_ms: 0.0, late: 0, unsent: 1 };
        for faulty in [
            Run { lateness: Some(unsent), ..clean() },
            Run { interrupted: true, ..clean() },
            Run { not_sent: vec![Reason { reason: "open files".to_owned(), count: 1 }], ..clean() },
            Run { refused: 1, ..clean() },
            Run { admitted: Class::default(), ..clean() },
            Run { server: Some(server), ..clean() },
            Run { server_failure: Some("gone".to_owned()), ..clean() },
            Run { slots_failure: Some("gone".to_owned()), ..clean() },
        ] {
            let reasons = against(faulty, &LENIENT);
            assert_eq!(reasons.len(), 1, "{reasons:?}");
        }
        assert_eq!(judge(&[], &LENIENT).reasons.len(), 1);
    }

    #[test]
    fn one_broken_answer_fails_unless_the_threshold_allows_it() {
        let broken = Broken {
            class: Class { count: 1, ..Class::default() },
            reasons: vec![Reason { reason: "502 database-failed".into(), count: 1 }],
            examples: Vec::new(),
        };
        let run = Run { broken, refused: 1, ..clean() };
        assert_eq!(
            against(run.clone(), &LENIENT),
            ["1 broken, most of them 502 database-failed", "the server refused 1 connections"]
        );
        let thresholds = Thresholds { max_broken: 1, max_refused: 1, ..LENIENT };
        assert_eq!(against(run, &thresholds), [""; 0]);
    }

    #[test]
    fn the_servers_limit_may_be_reached() {
        let server = Server { max_connections: 66, peak_used: 66, ..Server::default() };
        assert_eq!(against(Run { server: Some(server), ..clean() }, &LENIENT), [""; 0]);
    }

    #[test]
    fn idle_slots_fail_when_asked_for_and_so_does_not_knowing() {
        let thresholds = Thresholds { min_utilisation: Some(0.95), ..LENIENT };
        for (mean, faults) in [(0.95, 0), (0.9499, 1)] {
            let run = Run { slots: Some(used(mean)), ..clean() };
            assert_eq!(against(run.clone(), &thresholds).len(), faults, "{mean}");
            assert_eq!(against(run, &LENIENT), [""; 0]);
        }
        let untold = Slots { utilisation: None, ..used(0.0) };
        assert_eq!(against(Run { slots: Some(untold), ..clean() }, &thresholds).len(), 1);
    }

    #[test]
    fn slow_rejections_fail_when_asked_for_and_so_does_not_knowing() {
        let thresholds = Thresholds { max_rejection_p99_ms: Some(2_000.0), ..LENIENT };
        for (ms, faults) in [(2_000.0, 0), (2_001.0, 1)] {
            let run = Run { rejected: rejected_within(ms), ..clean() };
            assert_eq!(against(run, &thresholds).len(), faults, "{ms}");
        }
        assert_eq!(against(clean(), &thresholds).len(), 1);
    }

    #[test]
    fn a_comparison_judges_the_run_with_admission_and_asks_that_there_is_a_difference() {
        let bypassed = Run { admission: Admission::Bypassed, refused: 500, ..clean() };
        assert!(judge(&[bypassed.clone(), clean()], &LENIENT).pass);
        let needless = Run { refused: 0, ..bypassed.clone() };
        assert_eq!(judge(&[needless, clean()], &LENIENT).reasons.len(), 1);
        // What this machine did not send is no comparison, whichever run it was missing from.
        let not_sent = vec![Reason { reason: "open files".to_owned(), count: 3 }];
        let starved = Run { not_sent, ..bypassed.clone() };
        let reasons = judge(&[starved, clean()], &LENIENT).reasons;
        assert!(matches!(&reasons[..], [one] if one.contains("3 requests")), "{reasons:?}");
        let cut = Run { interrupted: true, ..bypassed };
        assert!(!judge(&[cut, clean()], &LENIENT).pass);
    }

    #[test]
    fn what_a_reader_should_know_does_not_fail() {
        let server = Server { max_connections: 66, peak_is_sampled: true, ..Server::default() };
        let lateness = Some(Lateness { max_ms: 150.0, late: 3, unsent: 0 });
        let verdict = judge(&[Run { server: Some(server), lateness, ..clean() }], &LENIENT);
        assert!(verdict.pass);
        assert_eq!(verdict.notes.len(), 2, "{:?}", verdict.notes);
    }

    #[test]
    fn the_apis_own_limit_is_broken_and_has_a_hint() {
        let broken = Broken {
            class: Class { count: 5, ..Class::default() },
            reasons: vec![
                Reason { reason: "502 database-failed".into(), count: 3 },
                Reason { reason: API_LIMIT.into(), count: 2 },
            ],
            examples: Vec::new(),
        };
        let verdict = judge(&[Run { broken, ..clean() }], &LENIENT);
        assert!(!verdict.pass);
        let [note] = verdict.notes.try_into().unwrap();
        assert!(note.contains("429 to 2 of 1000") && note.contains("RequestBurst"), "{note}");
    }

    #[test]
    fn connections_that_the_account_may_not_see_are_said_not_to_be_known() {
        let noted = |used: &[u64], service: &[u64]| {
            let samples = Connections {
                used: used.to_vec(),
                service: service.to_vec(),
                ..Connections::default()
            };
            let server = Server { max_connections: 66, samples, ..Server::default() };
            let verdict = judge(&[Run { server: Some(server), ..clean() }], &LENIENT);
            assert!(verdict.pass, "{verdict:?}");
            verdict.notes.iter().any(|note| note.contains("PROCESS"))
        };
        assert!(noted(&[7, 8], &[]));
        assert!(!noted(&[7, 8], &[0, 1]) && !noted(&[], &[]));
    }

    #[test]
    fn a_share_is_not_rounded_up() {
        assert_eq!(percent(0.94999), "94.9 %");
        assert_eq!(percent(1.0), "100.0 %");
    }
}
