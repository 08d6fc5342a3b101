//! One run: the flood, and who looks on.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use aws_config::SdkConfig;
use goose::GooseError;
use rds_admission::{store::DynamoStore, telemetry::chain, time::SystemClock};

use crate::{
    Args,
    args::ArrivalArg,
    arrivals::Arrivals,
    files,
    flood::Flood,
    gauges::Gauges,
    interrupt::Interrupt,
    live::{Live, Seen},
    report::{
        Admission, Broken, Class, Clients, Lateness, Reason, Rejected, Retries, Run, Server,
        rounded,
    },
    sampling::Sampling,
    show,
    slots::{self, Sampled, SlotProbe, SlotsError},
    tally::{Latencies, Tally, Totals},
    target::Target,
    watch::{self, Watch, WatchError, Watched},
};

/// What every run of a test needs.
#[derive(Clone, Copy)]
pub(crate) struct Once<'a> {
    pub(crate) args: &'a Args,
    pub(crate) target: &'a Target,
    pub(crate) aws: &'a SdkConfig,
    pub(crate) interrupt: &'a Interrupt,
}

/// Why a run could not take place.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// The database cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The pool cannot be sampled.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// Goose could not run.
    #[error("the flood failed")]
    Flood(#[source] Box<GooseError>),
}

/// What was seen beside the callers' side.
struct Sides {
    /// Requests that were due and never sent; with open arrivals only.
    unsent: Option<u64>,
    watched: Option<Result<Watched, WatchError>>,
    sampled: Option<Result<Sampled, SlotsError>>,
}

impl Once<'_> {
    /// Floods once, and adds what came of it to `runs`, also when it is cut short by an error.
    ///
    /// # Errors
    /// [`OnceError`].
    pub(crate) async fn run(
        &self,
        admission: Admission,
        runs: &mut Vec<Run>,
    ) -> Result<(), OnceError> {
        let duration = self.args.duration();
        let gauges = Arc::new(Gauges::default());
        let watch = self.watch(gauges.clone()).await?;
        let slots = self.slots(gauges.clone()).await?;

        let started = SystemTime::now();
        let tally = Arc::new(Tally::new(duration));
        let name = show::name(admission);
        let live = Live::start(Seen { name, duration, tally: tally.clone(), gauges });
        let goose = self.args.out.as_ref().map(|out| (out, files::goose(admission)));
        let report = goose.as_ref().map(|(out, name)| out.join(name));
        let arrivals = self.arrivals().map(Arc::new);
        let flooded = self.flood(arrivals.clone(), report).run(tally.clone()).await;
        live.finish().await;
        // What would have come after an interrupt was never due.
        let end = self.interrupt.at().map_or(duration, |at| tally.elapsed(at));
        let sides = Sides {
            unsent: arrivals.map(|arrivals| arrivals.left(end)),
            watched: match watch {
                Some(watch) => Some(watch.finish().await),
                None => None,
            },
            sampled: match slots {
                Some(slots) => Some(slots.finish().await),
                None => None,
            },
        };
        let run = self.told(admission, started, &tally.totals(), sides);
        match flooded {
            Ok(()) => runs.push(Run { goose: goose.map(|(_, name)| name.to_owned()), ..run }),
            // What was seen until then is not lost.
            Err(_) if run.offered > 0 => runs.push(run),
            Err(_) => {}
        }
        flooded.map_err(OnceError::Flood)
    }

    async fn watch(&self, gauges: Arc<Gauges>) -> Result<Option<Sampling<Watch>>, WatchError> {
        let Some(opts) = self.target.database.clone() else { return Ok(None) };
        let watch = Watch::open(opts, gauges).await?;
        Ok(Some(Sampling::start(watch, watch::EVERY, self.args.duration())))
    }

    async fn slots(&self, gauges: Arc<Gauges>) -> Result<Option<Sampling<SlotProbe>>, SlotsError> {
        let Some(pool) = &self.target.pool else { return Ok(None) };
        let client = aws_sdk_dynamodb::Client::new(self.aws);
        let store = DynamoStore::new(client, &pool.table, SystemClock);
        let probe = SlotProbe::open(store, pool.name.clone(), gauges).await?;
        Ok(Some(Sampling::start(probe, slots::EVERY, self.args.duration())))
    }

    fn arrivals(&self) -> Option<Arrivals> {
        let Args { arrival, shape, seed, .. } = *self.args;
        match arrival {
            ArrivalArg::Closed => None,
            ArrivalArg::PerSecond(rate) => {
                Some(Arrivals::new(shape, rate, self.args.duration(), seed))
            }
        }
    }

    fn flood(&self, arrivals: Option<Arc<Arrivals>>, report: Option<PathBuf>) -> Flood {
        let args = self.args;
        Flood {
            url: self.target.url.clone(),
            shape: args.shape,
            arrivals,
            users: args.users(),
            duration: args.duration(),
            timeout: args.timeout(),
            retries: args.retries(),
            report,
            interrupt: self.interrupt.clone(),
        }
    }

    /// Puts the sides together.
    fn told(
        &self,
        admission: Admission,
        started: SystemTime,
        totals: &Totals,
        sides: Sides,
    ) -> Run {
        let start = totals.start.unwrap_or_else(Instant::now);
        let (server, server_failure) = known(sides.watched);
        let (slots, slots_failure) = known(sides.sampled);
        let server = server.map(|watched| watched.since(start));
        let both = totals.patient.and(&totals.impatient);
        let class = |of: fn(&Latencies) -> &_| Class::of(of(&both), totals.elapsed);
        Run {
            admission,
            started_at: started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            elapsed_seconds: rounded(totals.elapsed.as_secs_f64()),
            interrupted: self.interrupt.is_set(),
            offered: totals.offered,
            admitted: class(|latencies| &latencies.admitted),
            rejected: Rejected {
                class: class(|latencies| &latencies.rejected),
                reasons: Reason::sorted(totals.rejections.clone()),
            },
            broken: Broken {
                class: class(|latencies| &latencies.broken),
                reasons: Reason::sorted(totals.reasons.clone()),
                examples: totals.examples.iter().cloned().map(Into::into).collect(),
            },
            refused: server.as_ref().map_or(0, Server::refused).max(totals.refused),
            refused_callers: totals.refused,
            clients: self.clients(totals),
            not_sent: Reason::sorted(totals.not_sent.clone()),
            lateness: sides.unsent.map(|unsent| Lateness {
                max_ms: rounded(totals.latest.as_secs_f64() * 1_000.0),
                late: totals.late,
                unsent,
            }),
            slots: slots.map(|sampled| sampled.since(start, &totals.timeline)),
            timeline: totals.timeline.clone(),
            server,
            server_failure,
            slots_failure,
            goose: None,
        }
    }

    /// The two kinds of users apart, when there are two.
    fn clients(&self, totals: &Totals) -> Vec<Clients> {
        if self.args.retries() != Retries::Mixed {
            return Vec::new();
        }
        let users = self.args.users();
        let kinds =
            [(true, users.div_ceil(2), &totals.patient), (false, users / 2, &totals.impatient)];
        kinds
            .into_iter()
            .map(|(honour_retry_after, users, latencies)| Clients {
                honour_retry_after,
                users,
                admitted: Class::of(&latencies.admitted, totals.elapsed),
                rejected: Class::of(&latencies.rejected, totals.elapsed),
                broken: Class::of(&latencies.broken, totals.elapsed),
            })
            .collect()
    }
}

/// What is known of a side, or why it is not.
fn known<T, E: std::error::Error + 'static>(
    side: Option<Result<T, E>>,
) -> (Option<T>, Option<String>) {
    match side {
        Some(Ok(told)) => (Some(told), None),
        Some(Err(error)) => (None, Some(chain(&error))),
        None => (None, None),
    }
}
