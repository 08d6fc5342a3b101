//! Instances frozen until after their lease: from then on none may have a connection.

use std::time::{Duration, Instant};

use rds_admission::time::{Clock as _, SKEW_ALLOWANCE, SystemClock};

use crate::control::{Instance, State};
use crate::logs;
use crate::run_context::RunContext;
use crate::sockets::{connections_to, ports_of};

/// The interval between two checks of an instance.
const POLL: Duration = Duration::from_millis(25);

/// The interval between two requests for its state.
const STATE_POLL: Duration = Duration::from_millis(500);

/// Seconds after its lease for which a thawed instance without an invocation is checked; it may stay idle for
/// minutes.
const IDLE_CHECKED: u64 = 10;

/// Checks an instance that has just been frozen for longer than its lease, until it is gone, in another
/// invocation, or thawed and idle for long enough.
pub(crate) async fn follow(context: &RunContext, instance: &Instance, lease: Option<&str>) {
    let expiry = lease.and_then(|lease| context.pool.latest().leases.get(lease).copied());
    let expiry = expiry.unwrap_or_else(|| SystemClock.now().0 + context.lease.as_secs());
    let over = expiry + u64::from(SKEW_ALLOWANCE.0);
    let logged_before = logs::outcomes(&context.stack, instance).len();
    let mut polled = Instant::now();
    loop {
        let connected = SystemClock.now().0 >= over && has_connection(context, instance);
        if connected || polled.elapsed() > STATE_POLL {
            polled = Instant::now();
            // On an error the next iteration tries again.
            if let Ok(all) = context.control.instances().await {
                let same = |one: &&Instance| {
                    one.id == instance.id && one.invocations == instance.invocations
                };
                match all.iter().find(same) {
                    // Its next invocation may have a connection.
                    None => break,
                    Some(_) if connected => {
                        let late = SystemClock.now().0.saturating_sub(over);
                        let found = format!("{} has a connection, {late} s too late", instance.id);
                        context.ledger.frozen().late_connections.push(found);
                    }
                    Some(one) => {
                        let idle = one.state == State::Idle && !one.frozen;
                        if idle && SystemClock.now().0 >= over + IDLE_CHECKED {
                            break;
                        }
                    }
                }
            }
        }
        tokio::time::sleep(POLL).await;
    }
    let logged = logs::outcomes(&context.stack, instance);
    let outcome = logged.get(logged_before).map_or("nothing", String::as_str);
    *context.ledger.frozen().outcomes.entry(outcome.to_owned()).or_default() += 1;
}

fn has_connection(context: &RunContext, instance: &Instance) -> bool {
    context.ledger.frozen().checks += 1;
    !ports_of(instance.pid, &connections_to(context.stack.mysql.port)).is_empty()
}
