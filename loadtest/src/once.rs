//! One run: the flood, and the samples meanwhile.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use aws_config::SdkConfig;
use goose::GooseError;
use rds_admission::{store::DynamoStore, telemetry::chain, time::SystemClock};

use crate::{
    args::{Args, ArrivalArg},
    arrivals::Arrivals,
    files,
    flood::Flood,
    interrupt::Interrupt,
    live::{Live, View},
    report::{
        Admission, Broken, Class, Clients, Lateness, Reason, Rejected, Retries, Run, Server,
        Timeline, rounded,
    },
    sampling::{Gauges, Sampling},
    show,
    slots::{self, Sampled, SlotProbe, SlotsError},
    tally::{Latencies, Tally, Totals},
    target::Target,
    watch::{self, Watch, WatchError, Watched},
};

/// The parts that all runs of a test share.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) args: &'a Args,
    pub(crate) target: &'a Target,
    pub(crate) aws: &'a SdkConfig,
    pub(crate) interrupt: &'a Interrupt,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunnerError {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Slots(#[from] SlotsError),
    #[error("the flood failed")]
    Flood(#[source] Box<GooseError>),
}

/// The results besides the answers.
struct Observed {
    /// Requests that were due and never sent; only with open arrivals.
    unsent: Option<u64>,
    watched: Option<Result<Watched, WatchError>>,
    sampled: Option<Result<Sampled, SlotsError>>,
}

impl Runner<'_> {
    /// Floods once and adds the result to `runs`, even if an error ends the run early.
    pub(crate) async fn run(
        &self,
        admission: Admission,
        runs: &mut Vec<Run>,
    ) -> Result<(), RunnerError> {
        let duration = self.args.duration();
        let gauges = Arc::new(Gauges::default());
        let watch = self.watch(gauges.clone()).await?;
        let slots = self.slots(gauges.clone()).await?;

        let started = SystemTime::now();
        let tally = Arc::new(Tally::new(duration));
        let name = show::name(admission);
        let live = Live::start(View { name, duration, tally: tally.clone(), gauges });
        let goose = self.args.out.as_ref().map(|out| (out, files::goose(admission)));
        let report = goose.as_ref().map(|(out, name)| out.join(name));
        let arrivals = self.arrivals().map(Arc::new);
        let flooded = self.flood(arrivals.clone(), report).run(tally.clone()).await;
        live.finish().await;
        // Requests after an interrupt were never due.
        let end = self.interrupt.at().map_or(duration, |at| tally.elapsed(at));
        let observed = Observed {
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
        let run = self.summarize(admission, started, &tally.totals(), observed);
        match flooded {
            Ok(()) => runs.push(Run { goose: goose.map(|(_, name)| name.to_owned()), ..run }),
            Err(_) if run.offered > 0 => runs.push(run),
            Err(_) => {}
        }
        flooded.map_err(RunnerError::Flood)
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

    fn summarize(
        &self,
        admission: Admission,
        started: SystemTime,
        totals: &Totals,
        observed: Observed,
    ) -> Run {
        let start = totals.start.unwrap_or_else(Instant::now);
        let timeline = Timeline::from(&totals.timeline);
        let (server, server_failure) = split(observed.watched);
        let (slots, slots_failure) = split(observed.sampled);
        let server = server.map(|watched| watched.since(start));
        let both = totals.patient.and(&totals.impatient);
        let class = |of: fn(&Latencies) -> &_| Class::of(of(&both), totals.elapsed());
        Run {
            admission,
            started_at: started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            elapsed_seconds: rounded(totals.elapsed().as_secs_f64()),
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
            lateness: observed.unsent.map(|unsent| Lateness {
                max_ms: rounded(totals.latest.as_secs_f64() * 1_000.0),
                late: totals.late,
                unsent,
            }),
            slots: slots.map(|sampled| sampled.since(start, &timeline)),
            timeline,
            server,
            server_failure,
            slots_failure,
            goose: None,
        }
    }

    /// The results of both kinds of users, if there are two.
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
                admitted: Class::of(&latencies.admitted, totals.elapsed()),
                rejected: Class::of(&latencies.rejected, totals.elapsed()),
                broken: Class::of(&latencies.broken, totals.elapsed()),
            })
            .collect()
    }
}

/// A result, or why there is none.
fn split<T, E: std::error::Error + 'static>(
    result: Option<Result<T, E>>,
) -> (Option<T>, Option<String>) {
    match result {
        Some(Ok(value)) => (Some(value), None),
        Some(Err(error)) => (None, Some(chain(&error))),
        None => (None, None),
    }
}
