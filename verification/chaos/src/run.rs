//! One run, from the stack to the verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::aftermath;
use crate::args::Args;
use crate::control::Control;
use crate::faults::{self, Pace};
use crate::flood::Flood;
use crate::frozen::Frozen;
use crate::ledger::{Group, Ledger};
use crate::pool::{self, Aws, epoch_seconds};
use crate::report::{self, Evidence, name_of};
use crate::scene::Scene;
use crate::server;
use crate::stack::Stack;
use crate::verdict::{Demands, Verdict};

/// The flood before the first fault, and after the last one.
const CALM: Duration = Duration::from_secs(4);

/// How often progress is told.
const TELL: Duration = Duration::from_secs(5);

/// Runs, and returns whether the promise held. Prints progress and the report.
///
/// # Errors
/// When the run could not take place, or not to its end.
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
    tokio::time::sleep(CALM).await;

    let lease =
        lease_of(&leases.samples.latest()).context("nobody was admitted before the faults")?;
    eprintln!(
        "{slots} slots for queries in {} items, decided by the {}, leases of {} s, {} users",
        pool.shards,
        name_of(via),
        lease.as_secs(),
        args.users
    );
    let scene = Arc::new(Scene {
        control: Control::new(&stack.aws_endpoint),
        answers: Arc::clone(&flood.answers),
        server: Arc::clone(&threads.samples),
        pool: Arc::clone(&leases.samples),
        ledger: Ledger::default(),
        frozen: Frozen::default(),
        via,
        lease,
        max_connections,
        stack,
    });
    let played = play(&scene, &args).await;
    let lifted = scene.control.lift_all().await;
    let restored = scene.control.max_connections(max_connections).await;
    // What went wrong first says most.
    played.and(lifted).and(restored)?;

    // Those that were frozen last have thawed, and all is as before.
    let calm = Instant::now();
    tokio::time::sleep(CALM).await;
    let admits_again = scene.answers.admitted_since(calm);
    flood.stop().await;
    // What follows takes slots itself.
    leases.stop().await;
    let aftermath = aftermath::look(&scene, &aws).await?;
    let interruptions = scene.control.interruptions().await?;
    threads.stop().await;

    let evidence = Evidence::gather(&scene, &pool, &interruptions, aftermath, admits_again);
    let Args { kills, freezes, warm, .. } = args;
    let demands = Demands { kills, freezes, warm, duration: args.duration() };
    let verdict = Verdict::of(&evidence, &demands);
    report::print(&evidence, &verdict);
    if let Some(path) = &args.json {
        report::write(path, &evidence, &verdict)?;
    }
    Ok(verdict)
}

/// All faults, until the time is up and what they did is made good.
async fn play(scene: &Arc<Scene>, args: &Args) -> Result<()> {
    let pace = Pace {
        until: Instant::now() + args.duration(),
        kill_every: args.kill_every,
        freeze_every: args.freeze_every,
        rest: args.rest,
    };
    let dice = |n| StdRng::seed_from_u64(args.seed.wrapping_mul(3) + n);
    let telling = tokio::spawn(tell(Arc::clone(scene), args.duration()));
    let played = tokio::try_join!(
        faults::kill(Arc::clone(scene), &pace, dice(0)),
        faults::freeze(Arc::clone(scene), &pace, dice(1)),
        faults::disturb(Arc::clone(scene), &pace, dice(2)),
    );
    let (killed, frozen, ()) = played?;
    eprintln!("waiting until all that was done is made good");
    tokio::join!(killed.join_all(), frozen.join_all());
    telling.abort();
    Ok(())
}

async fn server_limit(stack: &Stack) -> Result<u32> {
    let mut conn = Conn::new(stack.observer()).await.context("connecting to the database")?;
    let limit = conn.query_first("SELECT @@max_connections").await.context("asking its limit")?;
    conn.disconnect().await.context("closing the connection to the database")?;
    limit.context("the database does not tell max_connections")
}

/// How long the leases last that are out now.
fn lease_of(pool: &pool::Pool) -> Option<Duration> {
    let last = pool.leases.values().max()?;
    Some(Duration::from_secs(last.saturating_sub(epoch_seconds()).max(1)))
}

/// Says every few seconds how it stands.
async fn tell(scene: Arc<Scene>, duration: Duration) {
    let since = Instant::now();
    loop {
        tokio::time::sleep(TELL).await;
        let answers = scene.answers.counts();
        let all: u64 = answers.values().sum();
        eprintln!(
            "{:>4} of {} s: {} kills, {} freezes, {} disturbances; {} of {all} admitted; \
             {} connections, {} slots in use",
            since.elapsed().as_secs(),
            duration.as_secs(),
            scene.ledger.count(Group::Kill),
            scene.ledger.count(Group::Freeze),
            scene.ledger.count(Group::Aws) + scene.ledger.count(Group::Database),
            scene.answers.count_of("admitted"),
            scene.server.threads().len(),
            scene.pool.latest().in_use,
        );
    }
}
