//! What can be done, a file each.

mod doctor;
mod drain;
mod evict;
mod resize;
mod status;

use rds_admission::pool::Pool;
use rds_admission::telemetry::catch_panic;
use serde::Serialize;

use crate::status::Status;
use crate::table::Table;
use crate::wait::{Goal, Waited, until};
use crate::{Args, Command, Ending, Error, Voice, args};

/// Does what the arguments ask for.
///
/// # Errors
/// [`Error`] when it could not be done. What was changed by then is said in it or was nothing.
pub async fn run(args: &Args) -> Result<Ending, Error> {
    said(Box::pin(carry_out(args))).await
}

/// A panic is an error as any other, which is said in one line.
async fn said(work: impl Future<Output = Result<Ending, Error>>) -> Result<Ending, Error> {
    catch_panic(work).await.unwrap_or_else(|panicked| Err(panicked.into()))
}

async fn carry_out(args: &Args) -> Result<Ending, Error> {
    let table = Table::open(args).await?;
    let voice = Voice::of(args);
    match &args.command {
        Command::Status { watch: false } => status::once(&table, voice).await,
        Command::Status { watch: true } => status::watch(&table, voice).await,
        Command::Resize { slots, priority, shards, wait } => {
            let to = resize::To { slots: *slots, priority: *priority, shards: *shards };
            resize::resize(&table, voice, to, *wait).await
        }
        Command::Drain { wait } => drain::drain(&table, voice, *wait).await,
        Command::Resume => drain::resume(&table, voice).await,
        Command::Evict { lease } => evict::evict(&table, voice, *lease).await,
        Command::Doctor(told) => doctor::doctor(&table, voice, told).await,
    }
}

/// The answer to a change of the pool as a whole: how it stands now.
#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    status: Status,
    /// Whether it has come down to what was asked for; only where that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    down: Option<bool>,
}

/// Waits, if that was asked for, and answers with what came of it.
async fn conclude(
    table: &Table,
    voice: Voice,
    pool: Pool,
    goal: Goal,
    wait: args::Wait,
    words: impl Fn(&Status) -> String,
) -> Result<Ending, Error> {
    if !wait.wait {
        let status = Status::of(table.pool(), &pool, table.now());
        voice.answer(words(&status), &Changed { status, down: None })?;
        return Ok(Ending::Good);
    }
    let patience = std::time::Duration::from_secs(wait.timeout.into());
    let (pool, waited) = until(table, voice, goal, patience).await?;
    let status = Status::of(table.pool(), &pool, table.now());
    let (ending, outcome) = match waited {
        Waited::Down => (Ending::Good, "done: ".to_owned()),
        Waited::TimeOver => (Ending::Bad, format!("not done within {} s: ", wait.timeout)),
        Waited::Overruled => {
            let overruled = "no longer waited for: somebody has changed the pool meanwhile: ";
            (Ending::Bad, overruled.to_owned())
        }
    };
    let down = Some(waited == Waited::Down);
    voice.answer(outcome + &status.line(), &Changed { status, down })?;
    Ok(ending)
}

#[cfg(test)]
mod tests {
    use rds_admission::telemetry::chain;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_line() {
        let secret = std::hint::black_box("hunter2");
        let failed = said(async { panic!("a line\nand {secret}") }).await;
        let failed = chain(&failed.expect_err("it panics"));
        assert!(failed.contains("commands/mod.rs:") && failed.lines().count() == 1, "{failed}");
        assert!(!failed.contains(secret), "{failed}");
    }
}
