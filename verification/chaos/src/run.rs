//! One run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rds_admission::time::{Clock as _, SystemClock};
use support::stack::Stack;

use crate::aftermath;
use crate::args::Args;
use crate::control::Control;
use crate::evidence::{Evidence, name_of};
use crate::faults::{self, Pace};
use crate::flood::Flood;
use crate::ledger::{Group, Ledger};
use crate::pool::{self, Aws};
use crate::report;
use crate::run_context::RunContext;
use crate::server;
use crate::verdict::{Demands, Verdict};

/// The time of flood before the first fault and after the last.
const WITHOUT_FAULTS: Duration = Duration::from_secs(4);

/// The interval between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// Runs the faults, prints progress and the report, and returns the verdict.
///
/// # Errors
/// When the run cannot start or finish.
pub async fn run(args: Args) -> Result<Verdict> {
    let stack = Stack::read(&args.stack)?;
    let aws = Aws::new(&stack).await?;
    let via = aws.via().await?;
    let pool = aws.pool().await.context("reading the pool")?;
    let slots = pool.standard_limit;
    let max_connections = server_limit(&stack).await?;
    let threads = server::sample(&stack, u32::try_from(slots)?).await?;
    let leases = pool::sample(&aws);
    let flood = Flood::start(&format!("{}/employees", stack.api_url), args.users.get(), args.pause);
    tokio::time::sleep(WITHOUT_FAULTS).await;

    let lease =
        lease_of(&leases.samples.latest()).context("no request was admitted before the faults")?;
    eprintln!(
        "{slots} slots for queries in {} items, backend {}, leases of {} s, {} users",
        pool.shards,
        name_of(via),
        lease.as_secs(),
        args.users
    );
    let context = Arc::new(RunContext {
        control: Control::new(&stack.aws_endpoint),
        answers: Arc::clone(&flood.answers),
        server: Arc::clone(&threads.samples),
        pool: Arc::clone(&leases.samples),
        ledger: Ledger::default(),
        via,
        lease,
        max_connections,
        stack,
    });
    let ran = run_faults(&context, &args).await;
    let removed = context.control.remove_rules().await;
    let restored = context.control.max_connections(max_connections).await;
    // The first error is the most useful one.
    ran.and(removed).and(restored)?;

    let recovered = Instant::now();
    tokio::time::sleep(WITHOUT_FAULTS).await;
    let admits_again = context.answers.admitted_since(recovered);
    flood.stop().await;
    // Stopped first, because the check acquires slots itself.
    leases.stop().await;
    let aftermath = aftermath::check(&context, &aws).await?;
    let interruptions = context.control.interruptions().await?;
    threads.stop().await;

    let evidence = Evidence::gather(&context, &pool, &interruptions, aftermath, admits_again);
    let Args { kills, freezes, warm, .. } = args;
    let demands = Demands { kills, freezes, warm, duration: args.duration() };
    let verdict = Verdict::of(&evidence, &demands);
    report::print(&evidence, &verdict);
    if let Some(path) = &args.json {
        report::write(path, &evidence, &verdict)?;
    }
    Ok(verdict)
}

/// Injects faults until the time is up, then waits for recovery.
async fn run_faults(context: &Arc<RunContext>, args: &Args) -> Result<()> {
    let pace = Pace {
        until: Instant::now() + args.duration(),
        kill_every: args.kill_every,
        freeze_every: args.freeze_every,
        rest: args.rest,
    };
    let rng = |n| StdRng::seed_from_u64(args.seed.wrapping_mul(3) + n);
    let progress = tokio::spawn(print_progress(Arc::clone(context), args.duration()));
    let (killed, frozen, ()) = tokio::try_join!(
        faults::kill(Arc::clone(context), &pace, rng(0)),
        faults::freeze(Arc::clone(context), &pace, rng(1)),
        faults::disturb(Arc::clone(context), &pace, rng(2)),
    )?;
    eprintln!("waiting for recovery from all faults");
    tokio::join!(killed.join_all(), frozen.join_all());
    progress.abort();
    Ok(())
}

async fn server_limit(stack: &Stack) -> Result<u32> {
    let mut conn =
        Conn::new(server::observer(stack)).await.context("connecting to the database")?;
    let limit =
        conn.query_first("SELECT @@max_connections").await.context("reading max_connections")?;
    conn.disconnect().await.context("closing the connection to the database")?;
    limit.context("the database returns no max_connections")
}

/// The remaining time of the youngest lease.
fn lease_of(pool: &pool::Pool) -> Option<Duration> {
    let last = pool.leases.values().max()?;
    Some(Duration::from_secs(last.saturating_sub(SystemClock.now().0).max(1)))
}

/// Prints progress every few seconds.
async fn print_progress(context: Arc<RunContext>, duration: Duration) {
    let since = Instant::now();
    loop {
        tokio::time::sleep(PROGRESS).await;
        let answers = context.answers.counts();
        let all: u64 = answers.values().sum();
        eprintln!(
            "{:>4} of {} s: {} kills, {} freezes, {} disturbances; {} of {all} admitted; \
             {} connections, {} slots in use",
            since.elapsed().as_secs(),
            duration.as_secs(),
            context.ledger.count(Group::Kill),
            context.ledger.count(Group::Freeze),
            context.ledger.count(Group::Aws) + context.ledger.count(Group::Database),
            context.answers.count_of("admitted"),
            context.server.threads().len(),
            context.pool.latest().in_use,
        );
    }
}
