//! How the pool stands.

use std::io::IsTerminal;
use std::time::Duration;

use console::Term;
use rds_admission::time::UnixSeconds;
use tokio::time::{MissedTickBehavior, interval};

use crate::status::Status;
use crate::table::Table;
use crate::{Ending, Error, Voice};

/// Time between two looks. Each reads the pool's item, at one read unit for 4 KB.
const EVERY: Duration = Duration::from_secs(1);
/// Lines of the picture that are no leases.
const AROUND: usize = 10;

/// Shows it once.
pub(super) async fn once(table: &Table, voice: Voice) -> Result<Ending, Error> {
    let status = look(table).await?;
    voice.answer(&status, &status)?;
    Ok(Ending::Good)
}

/// Shows it until somebody ends the process.
pub(super) async fn watch(table: &Table, voice: Voice) -> Result<Ending, Error> {
    let mut picture =
        (!voice.is_json() && std::io::stdout().is_terminal()).then(|| Picture::on(Term::stdout()));
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let status = look(table).await?;
        match &mut picture {
            Some(picture) => picture.show(&status).map_err(Error::Answer)?,
            None => {
                voice.line(format!("{} {}", time_of_day(table.now()), status.line()), &status)?;
            }
        }
    }
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

    fn show(&mut self, status: &Status) -> std::io::Result<()> {
        let (rows, columns) = self.term.size();
        let leases = usize::from(rows).saturating_sub(AROUND);
        let text = status.shortened(leases);
        let lines = text.lines().map(|line| console::truncate_str(line, columns.into(), "…"));
        let lines: Vec<_> = lines.collect();
        self.term.clear_last_lines(self.lines)?;
        self.lines = lines.len();
        self.term.write_str(&(lines.join("\n") + "\n"))?;
        self.term.flush()
    }
}

/// The time of day, in UTC.
fn time_of_day(UnixSeconds(at): UnixSeconds) -> String {
    format!("{:02}:{:02}:{:02}Z", at / 3_600 % 24, at / 60 % 60, at % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_utc() {
        assert_eq!(time_of_day(UnixSeconds(784_111_777)), "08:49:37Z");
    }
}
