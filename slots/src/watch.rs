//! `slots status --watch`.

use std::io::IsTerminal;
use std::time::Duration;

use console::Term;
use rds_admission::telemetry::chain;
use rds_admission::time::UnixSeconds;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::Error;
use crate::output::{Output, in_one_line};
use crate::status::Status;
use crate::table::Table;

/// Time between two reads of the pool's item, at one read unit per 4 KB.
const INTERVAL: Duration = Duration::from_secs(1);
/// Lines of the screen that are kept for other things than leases.
const OTHER_LINES: usize = 12;

/// Shows the pool until the process ends. Keeps running while the table fails, because that is when it is needed.
pub(crate) async fn watch(table: &Table, output: Output) -> Result<(), Error> {
    let is_terminal = !output.json && std::io::stdout().is_terminal();
    let mut screen = is_terminal.then(|| Screen { term: Term::stdout(), lines: 0 });
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<(Status, UnixSeconds)> = None;
    loop {
        ticks.tick().await;
        let read = table.read().await;
        let now = table.now();
        match (read, &mut screen) {
            (Ok(pool), screen) => {
                let status = table.status_of(&pool);
                if let Some(screen) = screen {
                    screen.show(|size| status.text(size.leases))?;
                } else {
                    let line = format!("{} {}", time_of_day(now), status.line());
                    output.print_line(line, &status)?;
                }
                last = Some((status, now));
            }
            // A wrong name stays wrong.
            (Err(error @ (Error::NoTable { .. } | Error::NoPool { .. })), _) if last.is_none() => {
                return Err(error);
            }
            (Err(error), Some(screen)) => {
                screen.show(|size| failure(&error, now, last.as_ref(), size))?;
            }
            (Err(error), None) => output.print_error(&error),
        }
    }
}

/// What fits on the screen.
#[derive(Clone, Copy)]
struct Size {
    leases: usize,
    columns: usize,
}

/// Returns the text shown while the table fails: the whole error, then the last known state.
fn failure(
    error: &Error,
    now: UnixSeconds,
    last: Option<&(Status, UnixSeconds)>,
    size: Size,
) -> String {
    let error = format!("{} {}", time_of_day(now), in_one_line(&chain(error)));
    let error: Vec<_> = error.chars().collect();
    let mut lines: Vec<String> =
        error.chunks(size.columns.max(1)).map(|line| line.iter().collect()).collect();
    if let Some((status, at)) = last {
        let leases = size.leases.saturating_sub(lines.len());
        lines.push(format!("as of {}", time_of_day(*at)));
        lines.push(status.text(leases));
    }
    lines.join("\n")
}

/// A terminal on which each text replaces the one before.
struct Screen {
    term: Term,
    lines: usize,
}

impl Screen {
    fn show(&mut self, text: impl FnOnce(Size) -> String) -> Result<(), Error> {
        let (rows, columns) = self.term.size();
        let (leases, columns) = (usize::from(rows).saturating_sub(OTHER_LINES), columns.into());
        let text = text(Size { leases, columns });
        let lines = text.lines().map(|line| console::truncate_str(line, columns, "…"));
        let lines: Vec<_> = lines.collect();
        let before = std::mem::replace(&mut self.lines, lines.len());
        self.term
            .clear_last_lines(before)
            .and_then(|()| self.term.write_str(&(lines.join("\n") + "\n")))
            .and_then(|()| self.term.flush())
            .map_err(Error::Output)
    }
}

/// Returns the time of day in UTC.
fn time_of_day(UnixSeconds(at): UnixSeconds) -> String {
    format!("{:02}:{:02}:{:02}Z", at / 3_600 % 24, at / 60 % 60, at % 60)
}

#[cfg(test)]
mod tests {
    use rds_admission::pool::{Pool, PoolSize};
    use rds_admission::time::Seconds;

    use super::*;

    #[test]
    fn the_time_of_day_is_utc() {
        assert_eq!(time_of_day(UnixSeconds(784_111_777)), "08:49:37Z");
    }

    #[test]
    fn an_error_is_shown_above_the_last_known_state() {
        let pool = "Prod_MySQL".parse().expect("a name");
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let at = UnixSeconds(784_111_777);
        let status = Status::new(&pool, &Pool::new(size), at);
        let screen = Size { leases: 5, columns: 40 };
        let later = at.plus(Seconds(2));
        let text = failure(&Error::NoRegion, later, Some(&(status, at)), screen);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "08:49:39Z no AWS region: set AWS_REGION,");
        assert_eq!(lines[2..4], ["as of 08:49:37Z", "Prod_MySQL"]);
        assert_eq!(failure(&Error::NoRegion, at, None, screen).lines().count(), 2);
    }
}
