//! One run, from the arguments to the report.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use goose::GooseError;

use crate::{
    Args,
    flood::Flood,
    progress::Progress,
    report::{Broken, Class, Report, SCHEMA, Server, Settings},
    show,
    tally::{Tally, Totals},
    target::{Target, TargetError},
    verdict::{Evidence, Verdict},
    watch::{Watch, WatchError},
};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is nothing to flood.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The database cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Goose could not run.
    #[error("the flood failed")]
    Flood(#[source] Box<GooseError>),
    /// A report's folder or file could not be written.
    #[error("writing {path:?} failed")]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Floods as the arguments say, and judges what came back. Writes the reports they ask for.
///
/// # Errors
/// [`RunError`] when the run could not take place: a malformed address, a host or database out
/// of reach, a report that could not be written. A run that fared badly is not an error: see
/// [`Report::verdict`].
pub async fn run(args: &Args) -> Result<Report, RunError> {
    let target = Target::of(args)?;
    for path in args.report.iter().chain(&args.json) {
        create_folder_of(path)?;
    }
    target.reach().await?;
    let watch = match target.database.clone() {
        Some(opts) => Some(Watch::start(opts).await?),
        None => None,
    };

    let started = SystemTime::now();
    let tally = Arc::new(Tally::default());
    let progress = Progress::start(tally.clone(), args.duration());
    let flooded = flood(args, &target).run(tally.clone()).await;
    progress.finish().await;
    let interrupted = flooded.map_err(RunError::Flood)?;
    let watched = match watch {
        Some(watch) => Some(watch.finish().await),
        None => None,
    };

    let report = judge(args, &target, started, interrupted, &tally.totals(), watched);
    if let Some(path) = &args.json {
        write(path, &report)?;
    }
    Ok(report)
}

fn flood(args: &Args, target: &Target) -> Flood {
    Flood {
        url: target.url.clone(),
        users: args.users.get(),
        duration: args.duration(),
        timeout: args.timeout(),
        honour_retry_after: !args.ignore_retry_after,
        report: args.report.clone(),
    }
}

/// Puts the two sides together.
fn judge(
    args: &Args,
    target: &Target,
    started: SystemTime,
    interrupted: bool,
    totals: &Totals,
    watched: Option<Result<Server, WatchError>>,
) -> Report {
    let (server, watch_failure) = match watched {
        Some(Ok(server)) => (Some(server), None),
        Some(Err(error)) => (None, Some(show::chain(&error))),
        None => (None, None),
    };
    let admitted = Class::of(&totals.admitted, totals.elapsed);
    let broken = Broken::of(totals);
    let refused = server.map_or(0, |server| server.refused()).max(totals.refused);
    let verdict = Verdict::on(&Evidence {
        admitted: admitted.count,
        min_admitted: args.min_admitted,
        broken: &broken,
        refused,
        server: server.as_ref(),
        watch_failure: watch_failure.as_deref(),
        interrupted,
    });
    Report {
        schema: SCHEMA,
        url: target.url.to_string(),
        settings: Settings {
            users: args.users.get(),
            duration_seconds: args.duration().as_secs(),
            timeout_seconds: args.timeout().as_secs(),
            honour_retry_after: !args.ignore_retry_after,
            min_admitted: args.min_admitted,
        },
        started_at: started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        elapsed_seconds: totals.elapsed.as_secs_f64(),
        interrupted,
        admitted,
        rejected: Class::of(&totals.rejected, totals.elapsed),
        broken,
        refused,
        refused_callers: totals.refused,
        server,
        watch_failure,
        verdict,
    }
}

fn create_folder_of(path: &Path) -> Result<(), RunError> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder)
            .map_err(|source| RunError::Write { path: folder.to_owned(), source }),
        None => Ok(()),
    }
}

fn write(path: &Path, report: &Report) -> Result<(), RunError> {
    let failed = |source| RunError::Write { path: path.to_owned(), source };
    let mut text =
        serde_json::to_string_pretty(report).map_err(|error| failed(io::Error::other(error)))?;
    text.push('\n');
    fs::write(path, text).map_err(failed)
}
