//! The commands.

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use rds_admission::pool::{LeaseId, Pool, PoolSize};
use rds_admission::store::PoolAdmin;
use rds_admission::telemetry::catch_panic;
use rds_admission::time::UnixSeconds;
use serde::Serialize;

use crate::args::{Args, Command, WaitArgs};
use crate::doctor::doctor;
use crate::error::Error;
use crate::output::{EXIT_FOUND, Output, plural};
use crate::status::Status;
use crate::table::Table;
use crate::wait::{Goal, WaitResult, wait_for};
use crate::watch::watch;

/// Runs the command and returns its exit code.
pub(crate) async fn run(args: &Args) -> Result<ExitCode, Error> {
    catch(Box::pin(dispatch(args))).await
}

/// Converts a panic to an error.
async fn catch(work: impl Future<Output = Result<ExitCode, Error>>) -> Result<ExitCode, Error> {
    catch_panic(work).await.unwrap_or_else(|panicked| Err(panicked.into()))
}

async fn dispatch(args: &Args) -> Result<ExitCode, Error> {
    let table = &Table::open(args).await?;
    let output = Output::new(args);
    let succeeded = match &args.command {
        Command::Status { watch: true } => watch(table, output).await.map(|()| true),
        Command::Status { watch: false } => {
            let status = table.status_of(&table.read().await?);
            output.print(&status, &status).map(|()| true)
        }
        Command::Resize { slots, priority, shards, wait } => {
            resize(table, output, *slots, *priority, *shards, *wait).await
        }
        Command::Drain { wait } => drain(table, output, *wait).await,
        Command::Resume => resume(table, output).await,
        Command::Evict { lease } => evict(table, output, *lease).await,
        Command::Doctor(args) => doctor(table, output, args).await,
    };
    succeeded.map(|yes| if yes { ExitCode::SUCCESS } else { EXIT_FOUND.into() })
}

async fn resize(
    table: &Table,
    output: Output,
    slots: NonZeroU32,
    priority: Option<u32>,
    shards: Option<NonZeroU32>,
    wait: WaitArgs,
) -> Result<bool, Error> {
    let before = table.read().await?.size;
    let priority_before = before.max_connections() - before.standard_limit();
    let size = PoolSize::new(slots, priority.unwrap_or(priority_before))?;
    let resized = table.store.resize(&table.pool, size, shards).await;
    let pool = resized.map_err(|error| table.error(error))?;
    let goal = Goal { in_use: slots.get(), draining: pool.draining, slots: slots.get() };
    let mut summary = plural(slots.get(), "slot", "slots");
    let above = pool.in_use().saturating_sub(slots.get());
    if above > 0 {
        let above = plural(above, "more lease has", "more leases have");
        summary = format!("{summary} once {above} ended");
    }
    let summary = format!("{summary} (before: {})", before.max_connections());
    finish(table, output, pool, &summary, goal, wait).await
}

async fn drain(table: &Table, output: Output, wait: WaitArgs) -> Result<bool, Error> {
    // Reads first, because only a read detects a missing table.
    table.read().await?;
    let pool = table.store.drain(&table.pool).await.map_err(|error| table.error(error))?;
    let goal = Goal { in_use: 0, draining: true, slots: pool.size.max_connections() };
    finish(table, output, pool, "draining until `slots resume`", goal, wait).await
}

async fn resume(table: &Table, output: Output) -> Result<bool, Error> {
    let before = table.read().await?;
    let pool = table.store.resume(&table.pool).await.map_err(|error| table.error(error))?;
    let status = table.status_of(&pool);
    let summary = if before.draining { "grants slots again" } else { "was not draining" };
    output.print(format!("{summary}\n{status}"), &Changed { status, down: None })?;
    Ok(true)
}

/// Output of a command that changes the pool: its new state.
#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    status: Status,
    /// Whether the wait reached its goal; absent without `--wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    down: Option<bool>,
}

/// Waits if `wait` asks for it, and prints the new state.
async fn finish(
    table: &Table,
    output: Output,
    pool: Pool,
    summary: &str,
    goal: Goal,
    wait: WaitArgs,
) -> Result<bool, Error> {
    if !wait.wait {
        let status = table.status_of(&pool);
        output.print(format!("{summary}\n{status}"), &Changed { status, down: None })?;
        return Ok(true);
    }
    let timeout = Duration::from_secs(wait.timeout.into());
    let (pool, result) = wait_for(table, output, goal, timeout).await?;
    let outcome = match result {
        WaitResult::Reached => "done".to_owned(),
        WaitResult::TimedOut => format!("not done within {} s", wait.timeout),
        WaitResult::PoolChanged => "wait stopped: the pool was changed meanwhile".to_owned(),
    };
    let status = table.status_of(&pool);
    let reached = result == WaitResult::Reached;
    let text = format!("{outcome}: {}", status.line());
    output.print(text, &Changed { status, down: Some(reached) })?;
    Ok(reached)
}

/// Output of `evict`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Eviction {
    pool: String,
    lease: String,
    evicted: bool,
    /// When the lease would have ended.
    was_until: Option<UnixSeconds>,
    expired: bool,
    in_use: u32,
}

async fn evict(table: &Table, output: Output, lease: LeaseId) -> Result<bool, Error> {
    table.read().await?;
    let evicted =
        table.store.evict(&table.pool, lease).await.map_err(|error| table.error(error))?;
    let now = table.now();
    let eviction = Eviction {
        pool: table.pool.to_string(),
        lease: lease.to_string(),
        evicted: evicted.was_until.is_some(),
        was_until: evicted.was_until,
        expired: evicted.was_until.is_some_and(|until| Pool::has_expired(until, now)),
        in_use: evicted.in_use,
    };
    output.print(eviction.text(now), &eviction)?;
    Ok(eviction.evicted)
}

impl Eviction {
    fn text(&self, now: UnixSeconds) -> String {
        let Self { pool, lease, in_use, .. } = self;
        let result = match self.was_until {
            None => "is not held: nothing was changed".to_owned(),
            Some(_) if self.expired => "had expired, and is evicted".to_owned(),
            Some(until) => format!(
                "had {} s left, and is evicted; if its holder is alive, it may still be connected",
                until.0.saturating_sub(now.0)
            ),
        };
        format!("{lease} {result}\n{pool}: {in_use} in use")
    }
}

#[cfg(test)]
mod tests {
    use rds_admission::telemetry::chain;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_line() {
        let secret = std::hint::black_box("hunter2");
        let failed = catch(async { panic!("a line\nand {secret}") }).await;
        let failed = chain(&failed.expect_err("it panics"));
        assert!(failed.contains("commands.rs:") && failed.lines().count() == 1, "{failed}");
        assert!(!failed.contains(secret), "{failed}");
    }

    fn evicted(was_until: Option<u64>, expired: bool) -> String {
        let eviction = Eviction {
            pool: "Prod_MySQL".to_owned(),
            lease: "Zk3v9Qa1".to_owned(),
            evicted: was_until.is_some(),
            was_until: was_until.map(UnixSeconds),
            expired,
            in_use: 3,
        };
        eviction.text(UnixSeconds(1_000))
    }

    #[test]
    fn an_eviction_says_what_the_lease_was() {
        assert!(evicted(Some(1_012), false).starts_with("Zk3v9Qa1 had 12 s left"));
        assert!(evicted(Some(900), true).starts_with("Zk3v9Qa1 had expired"));
        assert!(evicted(None, false).starts_with("Zk3v9Qa1 is not held"));
    }
}
