//! How the pool stands.

use std::io::IsTerminal;
use std::time::Duration;

use console::Term;
use rds_admission::telemetry::chain;
use rds_admission::time::UnixSeconds;
use tokio::time::{MissedTickBehavior, interval};

use crate::status::Status;
use crate::table::Table;
use crate::voice::in_one_line;
use crate::{Ending, Error, Voice};

/// Time between two looks. Each reads the pool's item, at one read unit for 4 KB.
const EVERY: Duration = Duration::from_secs(1);
/// Lines of the picture that are no leases.
const AROUND: usize = 12;

/// Shows it once.
pub(super) async fn once(table: &Table, voice: Voice) -> Result<Ending, Error> {
    let status = look(table).await?;
    voice.answer(&status, &status)?;
    Ok(Ending::Good)
}

/// Shows it until somebody ends the process. A table that can't be asked ends nothing: that is when it is
/// looked at.
pub(super) async fn watch(table: &Table, voice: Voice) -> Result<Ending, Error> {
    let mut picture =
        (!voice.is_json() && std::io::stdout().is_terminal()).then(|| Picture::on(Term::stdout()));
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Seen> = None;
    loop {
        ticks.tick().await;
        let looked = look(table).await;
        let at = table.now();
        match (looked, &mut picture) {
            (Ok(status), picture) => {
                match picture {
                    Some(picture) => picture.show(|room| status.shortened(room.leases))?,
                    None => {
                        voice.line(format!("{} {}", time_of_day(at), status.line()), &status)?;
                    }
                }
                last = Some(Seen { status, at });
            }
            // A wrong name does not come right by waiting.
            (Err(error @ (Error::NoTable { .. } | Error::NoPool { .. })), _) if last.is_none() => {
                return Err(error);
            }
            (Err(error), Some(picture)) => {
                picture.show(|room| trouble(&error, at, last.as_ref(), room))?;
            }
            (Err(error), None) => voice.sorry(&error),
        }
    }
}

/// The pool when the table last answered.
struct Seen {
    status: Status,
    at: UnixSeconds,
}

/// What fits on a terminal.
#[derive(Clone, Copy)]
struct Room {
    leases: usize,
    columns: usize,
}

/// What is shown while the table can't be asked: why, in full, and what was seen last.
fn trouble(error: &Error, at: UnixSeconds, last: Option<&Seen>, room: Room) -> String {
    let why = format!("{} {}", time_of_day(at), in_one_line(&chain(error)));
    let why: Vec<_> = why.chars().collect();
    let mut lines: Vec<String> =
        why.chunks(room.columns.max(1)).map(|line| line.iter().collect()).collect();
    if let Some(Seen { status, at }) = last {
        let leases = room.leases.saturating_sub(lines.len());
        lines.push(format!("as it was at {}", time_of_day(*at)));
        lines.push(status.shortened(leases));
    }
    lines.join("\n")
}

async fn look(table: &Table) -> Result<Status, Error> {
    let pool = table.read().await?;
    Ok(Status::of(table.pool(), &pool, table.now()))
}

/// A terminal on which the last picture is replaced by the next.
struct Picture {
    term: Term,
    lines: usize,
}

impl Picture {
    fn on(term: Term) -> Self {
        Self { term, lines: 0 }
    }

    /// Shows what `text` makes of the room that there is.
    fn show(&mut self, text: impl FnOnce(Room) -> String) -> Result<(), Error> {
        let (rows, columns) = self.term.size();
        let (leases, columns) = (usize::from(rows).saturating_sub(AROUND), columns.into());
        let text = text(Room { leases, columns });
        let lines = text.lines().map(|line| console::truncate_str(line, columns, "…"));
        let lines: Vec<_> = lines.collect();
        let before = std::mem::replace(&mut self.lines, lines.len());
        self.term
            .clear_last_lines(before)
            .and_then(|()| self.term.write_str(&(lines.join("\n") + "\n")))
            .and_then(|()| self.term.flush())
            .map_err(Error::Answer)
    }
}

/// The time of day, in UTC.
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
    fn a_table_that_fails_is_said_above_what_was_seen_last() {
        let pool = "Prod_MySQL".parse().expect("a name");
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let at = UnixSeconds(784_111_777);
        let status = Status::of(&pool, &Pool::new(size), at);
        let room = Room { leases: 5, columns: 40 };
        let said = trouble(&Error::NoRegion, at.plus(Seconds(2)), Some(&Seen { status, at }), room);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[0], "08:49:39Z no AWS region: set AWS_REGION,");
        assert_eq!(lines[2..4], ["as it was at 08:49:37Z", "Prod_MySQL"]);
        assert_eq!(trouble(&Error::NoRegion, at, None, room).lines().count(), 2);
    }
}
