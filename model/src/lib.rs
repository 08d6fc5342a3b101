//! The admission protocol as a model that is checked in every state it has, and its mutants.
//!
//! `cargo run --package model` checks it and prints three tables: the configurations, the mutants
//! without a guard, the mutants without an assumption. `--trace MUTANT` prints how a mutant fails.
//!
//! # What is in it
//!
//! A [`State`](state::State) is the time, the pool's item, the requests that counters are at, and the
//! holders, each with its mail and its connection as the server has it. A [`Step`](step::Step) is what
//! can happen next. A look at a clock and what is done after it are two steps, so that a freeze can
//! fall between them:
//!
//! | step | in the code |
//! |---|---|
//! | a holder asks, hears, gives up | `client::scope::Admission::with_slot`, `client::give_back::GiveBack` |
//! | looks at the clock | `session::Limits::within`, in `Session::open`, `session::connect` and `Session::run` |
//! | has its line look, says a word | `session::line::pass_on` and `Slot::may_speak_for` |
//! | connects, logs in, tells the limits | `session::line::Line::connect`, `Session::open`, `Session::tell_limits` |
//! | hangs up; says that it gives back | `Session::close` or its drop; `GiveBack`, once `Line` has seen the server's end |
//! | a counter hears an acquire | the clock's reading before the first, blind write in `DynamoStore::acquire` |
//! | has the table decide | one `UpdateItem`: `store::expression`; when refused, the plan from the old item |
//! | hears a give-back | the read in `Store::release_oldest_anonymous` |
//! | the server ends | `wait_timeout`, `connect_timeout`, `max_statement_time` |
//! | is asked for a sweep | the read in `Store::sweep` |
//! | the pool is given another size, drains, goes on | `Store::define`, `store::Operations` |
//!
//! The rules are not copied: a counter of the model decides by
//! [`Pool::plan_acquire`](rds_admission::pool::Pool::plan_acquire) and reads its clock through
//! [`Clock`](rds_admission::time::Clock), and a session of it takes its limits from
//! [`Limits::fit`](rds_admission::session::Limits::fit). What the conditional writes say is written
//! out once more in [`table`], because they are DynamoDB's to evaluate.
//!
//! # What is abstracted, and why that is sound
//!
//! - **Nothing is ever forced** but the passing of what the server ends. A crash is a holder that takes
//!   no further step, a lost message one that is never delivered, a slow host one whose step comes
//!   late; so these need no steps of their own. A process that is killed on a host that lives is a
//!   holder that hangs up and does nothing more.
//! - **Time is whole seconds** (`--large` also cuts it into halves). A bound that the code excludes is
//!   included, so more is allowed than in reality, with one exception: what the server ends at a
//!   second it has ended before a counter judges by that second. Without it, a session that the
//!   server ends exactly at the end of its lease would count as outliving it; in reality it ends
//!   earlier by a hair, because whoever speaks to a session in its last moment speaks before it.
//! - **Time ends** at a horizon, and everything else is used up, so the number of states is finite.
//!   That every slot comes back is not left to the end of behaviours: in *every* state it is asked
//!   whether a newcomer would be granted a slot once the leases that are out are over. A behaviour may
//!   stop in any state for ever, so this covers the end of each, and needs no space without cycles, as
//!   Stateright's `eventually` would.
//! - **A counter's clock** is right, or ahead by all that is allowed; what lies between allows no more.
//! - **A holder believes** the clock that moved further, so never less than the true time. That it may
//!   believe more is left out: it would hang up earlier, which it may at any time.
//! - **Leases are short**, a few seconds. The lengths that matter are those between the last word and
//!   the end of a lease, and these are the real ones.
//! - **A holder has one connection.** The second one, which `query` opens after a refused password,
//!   begins when the first is gone.
//! - **The login is one message.** Each of its parts has to come before the last word, and the server
//!   waits no longer for the next than its `connect_timeout`.
//! - **Answers of a release** change nothing, and are left out; so is the bound on tries of an acquire.
//!
//! # What is assumed
//!
//! [`Assumption`](removed::Assumption) lists it, and the third table shows what happens without.

pub mod check;
pub mod configuration;
pub mod configurations;
mod counter;
mod holder;
pub mod lease;
pub mod mutants;
pub mod properties;
pub mod protocol;
pub mod reached;
pub mod removed;
pub mod report;
pub mod script;
mod server;
mod session;
pub mod state;
pub mod step;
pub mod table;
pub mod timing;
pub mod trace;
