//! Tables that compare the latency of decisions with bare writes.

use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::{Context, Result};
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use comfy_table::Table as Printed;
use counter::{Counter, Limiter};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rds_admission::controller::Controller;
use rds_admission::time::SystemClock;
use support::document;
use support::stack::Stack;

use super::setting::{Options, Setting};
use crate::decider::StoreDecider;
use crate::pools::{Occupancy, Pools};
use crate::rounds::{Summary, compare};
use crate::subject::{
    BareCount, BareUpdate, Decided, Handler, Invoke, InvokeNothing, Operation, Subject,
    log_to_nowhere,
};
use crate::table::Table;

/// Concurrent callers.
const CALLERS: [u32; 4] = [1, 16, 64, 256];

/// Concurrent callers of the deployed counter. More would meet the emulator's own limits.
const CALLERS_DEPLOYED: [u32; 2] = [1, 16];

/// The store and the article's bare count, each beside bare writes.
pub(super) async fn store(
    options: &Options,
    occupancies: &[Occupancy],
    operation: Operation,
) -> Result<Printed> {
    let mut printed = document::table(heads(&["bare", "count", "ours"], true));
    for occupancy in occupancies {
        for callers in CALLERS {
            let setting = Setting::new(options, *occupancy, callers).await?;
            let (table, pools) = (&setting.table, &setting.pools);
            let store = Arc::new(StoreDecider::new(table));
            let subjects: [Arc<dyn Subject>; 3] = [
                setting.baseline(operation),
                Arc::new(BareCount::new(table.clone(), pools.clone(), operation)),
                Arc::new(Decided::new(store, pools.clone(), operation)),
            ];
            let summaries =
                compare(&subjects, callers as usize, options.plan, setting.clocks()).await?;
            printed.add_row(row(format!("{}, {callers}", occupancy.name), &summaries));
        }
    }
    Ok(printed)
}

/// The counter's handler, beside bare writes.
pub(super) async fn handler(options: &Options) -> Result<Printed> {
    log_to_nowhere();
    let mut printed = document::table(heads(&["bare", "ours"], true));
    for callers in CALLERS {
        let occupancy = Occupancy::QUIET;
        let setting = Setting::new(options, occupancy, callers).await?;
        // High enough that the limiter never rejects.
        let limiter = Limiter::per_second(NonZeroU32::MAX);
        let rng = StdRng::from_rng(&mut rand::rng());
        let controller = Controller::new(setting.table.store(), SystemClock, rng);
        let handler = Handler::new(Counter::new(controller, limiter), setting.pools.clone());
        let subjects: [Arc<dyn Subject>; 2] =
            [setting.baseline(Operation::Pair), Arc::new(handler)];
        let summaries =
            compare(&subjects, callers as usize, options.plan, setting.clocks()).await?;
        printed.add_row(row(format!("{}, {callers}", occupancy.name), &summaries));
    }
    Ok(printed)
}

/// The deployed counter, beside bare writes of its table and invokes without a decision.
pub(super) async fn deployed(options: &Options) -> Result<Printed> {
    let path = options.stack.as_deref().context("no stack: local run -- bench lambda")?;
    let stack = Stack::read(path)?;
    let table = Table::at(&stack.aws_endpoint, &stack.table);
    let lambda = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(stack.region.clone()))
        .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
        .endpoint_url(&stack.aws_endpoint)
        .build();
    let lambda = aws_sdk_lambda::Client::from_conf(lambda);
    let mut printed = document::table(heads(&["bare", "empty invokes", "ours"], false));
    for callers in CALLERS_DEPLOYED {
        let occupancy = Occupancy::QUIET;
        let pools = Pools::fill(&table, occupancy, callers).await?;
        let function = &stack.counter_function;
        let subjects: [Arc<dyn Subject>; 3] = [
            Arc::new(BareUpdate::new(table.clone(), pools.clone(), Operation::Pair)),
            Arc::new(InvokeNothing::new(lambda.clone(), function)),
            Arc::new(Invoke::new(lambda.clone(), function, pools)),
        ];
        let summaries = compare(&subjects, callers as usize, options.plan, None).await?;
        printed.add_row(row(format!("{}, {callers}", occupancy.name), &summaries));
    }
    Ok(printed)
}

/// The heads of a table that compares `subjects`, the first of which is the baseline.
fn heads(subjects: &[&str], with_cpu: bool) -> Vec<String> {
    let mut heads = vec!["pool, callers".to_owned()];
    for (nth, subject) in subjects.iter().enumerate() {
        heads.extend([format!("{subject}: p50, p99"), "per second".to_owned()]);
        if nth > 0 {
            heads.push("times bare".to_owned());
            heads.extend(with_cpu.then(|| "processor time, client and both".to_owned()));
        }
    }
    heads
}

fn row(head: String, summaries: &[Summary]) -> Vec<String> {
    let mut row = vec![head];
    for (nth, Summary { quantiles, per_second, ratio, cpu }) in summaries.iter().enumerate() {
        row.extend([quantiles.to_string(), format!("{per_second:.0}")]);
        if nth > 0 {
            row.push(ratio.to_string());
            row.extend(cpu.map(|cpu| format!("{:.2}, {:.2}", cpu.client, cpu.both)));
        }
    }
    row
}
