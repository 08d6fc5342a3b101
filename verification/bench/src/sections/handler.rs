//! The counter's handler, beside the floor.

use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Result;
use comfy_table::Table as Printed;
use counter::{Counter, Limiter};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rds_admission::controller::Controller;
use rds_admission::time::SystemClock;

use super::{CALLERS, Options, Setting, heads, printed, row};
use crate::pools::Filling;
use crate::rounds::compare;
use crate::subject::{Asked, Handler, Subject, log_to_nowhere};

/// A slot taken and given back.
pub(super) async fn pairs(options: &Options) -> Result<Printed> {
    log_to_nowhere();
    let mut printed = printed(heads(&["bare", "ours"], true));
    for callers in CALLERS {
        let filling = Filling::QUIET;
        let setting = Setting::new(options, filling, callers).await?;
        // More than can be asked: what is measured is the decision, and not its limit.
        let limiter = Limiter::per_second(NonZeroU32::MAX);
        let dice = StdRng::from_rng(&mut rand::rng());
        let controller = Controller::new(setting.table.store(), SystemClock, dice);
        let counter = Counter::new(controller, limiter);
        let subjects: [Arc<dyn Subject>; 2] =
            [setting.floor(Asked::Pair), Arc::new(Handler::new(counter, setting.pools.clone()))];
        let summaries =
            compare(&subjects, callers as usize, options.plan, setting.clocks()).await?;
        printed.add_row(row(format!("{}, {callers}", filling.name), &summaries));
    }
    Ok(printed)
}
