//! The columns of the tables.

use std::time::Duration;

use crate::outcome::{Outcome, Times, number};
use crate::scenario::Scenario;

/// A column: its head, and the cell of a run.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub(crate) head: &'static str,
    pub(crate) cell: fn(&Scenario, &Outcome) -> String,
}

const fn column(head: &'static str, cell: fn(&Scenario, &Outcome) -> String) -> Column {
    Column { head, cell }
}

/// A table of the document.
#[derive(Debug, Clone)]
pub struct Section {
    /// The name of its place in the document.
    pub name: &'static str,
    /// What it shows of each run.
    pub columns: Vec<Column>,
    /// Its runs.
    pub rows: Vec<Scenario>,
}

impl Column {
    pub(crate) const NAME: Self = column("run", |run, _| run.name.clone());
    pub(crate) const GOODPUT: Self = column("admitted/s", goodput);
    pub(crate) const UTILISATION: Self = column("slots in use", |_, o| percent(o.utilisation));
    pub(crate) const UNITS: Self = column("read units per rejection", units);
    pub(crate) const UNITS_A_REFUSAL: Self =
        column("read units per rejected attempt", |_, o| hundredths(o.units_per_refusal()));
    pub(crate) const PEEKS: Self =
        column("peeks per grant", |_, o| hundredths(o.peeks_per_grant()));
    pub(crate) const FAILED: Self =
        column("failed writes per grant", |_, o| hundredths(o.failed_per_grant()));
    pub(crate) const REJECTED: Self = column("rejected", |_, o| percent(o.rejected_share()));
    pub(crate) const BESIDE_ROOM: Self =
        column("rejections with 5 % free", |_, o| percent(o.beside_room_share()));
    pub(crate) const ARRIVED: Self = column("calls/s", |run, o| rate(run, o.arrived));
    pub(crate) const WRITES: Self = column("write units/s of an item", |_, o| whole(o.writes));
    pub(crate) const PEAK_WRITES: Self = column("peak", |_, o| whole(o.peak_writes));
    pub(crate) const READS: Self = column("read units/s of an item", |_, o| whole(o.reads));
    pub(crate) const THROTTLED: Self = column("throttled/s", |run, o| rate(run, o.throttled));
    pub(crate) const THROTTLED_RELEASES: Self =
        column("throttled releases/s", |run, o| rate(run, o.throttled_releases));
    pub(crate) const GRANT: Self = column("grant p50, p99", |_, o| halves(o.grant));
    pub(crate) const REFUSAL: Self = column("rejection p50, p99", |_, o| halves(o.refusal));
    pub(crate) const RELEASE: Self = column("release p50, p99", |_, o| halves(o.release));
    pub(crate) const WAITED: Self = column("wait p50, p99, max", |_, o| all(o.waited));
    pub(crate) const BETWEEN: Self = column("between slots p50, p99, max", |_, o| all(o.between));
    pub(crate) const MOST_REFUSED: Self =
        column("most rejections in a row", |_, o| o.most_refused.to_string());
    pub(crate) const FAIRNESS: Self = column("Jain's index", |_, o| format!("{:.3}", o.fairness));
    pub(crate) const LOST: Self = column("slots lost", |_, o| o.lost.to_string());
    pub(crate) const ANSWERS: Self = column("answers/s", |_, o| whole(o.goodput));
    pub(crate) const CONNECTS: Self =
        column("connections per 1,000 answers", |_, o| thousandth(o, number(o.connects)));
    pub(crate) const REQUESTS: Self =
        column("requests per 1,000", |_, o| thousandth(o, number(o.requests)));
    pub(crate) const WRITE_UNITS: Self =
        column("write units per 1,000", |_, o| thousandth(o, o.write_units));
    pub(crate) const ANSWER: Self = column("answer p50, p99", |_, o| halves(o.answer));
    pub(crate) const BESIDE_THE_WORK: Self =
        column("overhead p50, p99", |_, o| halves(o.beside_the_work));
    pub(crate) const OUT: Self = column("slots held", |_, o| tenths(o.out));
    pub(crate) const KEPT: Self = column("of them kept", |_, o| tenths(o.kept));
    pub(crate) const MOST_KEPT: Self = column("most kept of a shard", |_, o| percent(o.most_kept));
    pub(crate) const CONNECTIONS: Self = column("connections", |_, o| tenths(o.connections));
    pub(crate) const BESIDE_KEPT: Self =
        column("rejections with 5 % kept", |_, o| percent(o.beside_kept_share()));
}

fn goodput(run: &Scenario, outcome: &Outcome) -> String {
    let share = outcome.goodput / run.capacity();
    format!("{:.1} ({:.0} %)", outcome.goodput, share * 100.0)
}

fn units(_: &Scenario, outcome: &Outcome) -> String {
    if outcome.rejected == 0 { "-".to_owned() } else { hundredths(outcome.units_per_rejection()) }
}

/// A count as a number per second.
fn rate(run: &Scenario, count: u64) -> String {
    whole(number(count) / run.length.saturating_sub(run.warm_up).as_secs_f64())
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn thousandth(outcome: &Outcome, count: f64) -> String {
    format!("{:.1}", outcome.of_a_thousand(count))
}

fn halves(times: Times) -> String {
    format!("{}, {}", time(times.p50), time(times.p99))
}

fn all(times: Times) -> String {
    format!("{}, {}", halves(times), time(times.max))
}

pub(crate) fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// A round time.
pub(crate) fn words(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{} s", duration.as_secs())
    }
}
