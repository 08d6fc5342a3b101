//! The admission protocol as a model that is checked in every state it has, and its mutants.
//!
//! `cargo run --package model` checks it and prints three tables: the configurations, the mutants
//! without a guard, the mutants without an assumption. `--trace MUTANT` prints how a mutant fails.
//!
//! # What is in it
//!
//! A [`State`](state::State) is the time, the pool's items, the requests that counters are at, and the
//! holders, each with its mail and its connection as the server has it. A [`Step`](step::Step) is what
//! can happen next. A look at a clock and what is done after it are two steps, so that a freeze can
//! fall between them:
//!
//! | step | in the code |
//! |---|---|
//! | a holder asks, hears, gives up | `client::scope::Admission::with_slot`, `client::release::ReleaseGuard` |
//! | looks at the clock | `session::Limits::within`, in `Session::open`, `session::connect` and `Session::run` |
//! | has its line look, says a word | `session::relay::relay_to_server` and `Slot::may_speak_for` |
//! | connects, logs in, tells the limits | `session::relay::LeaseGuardedRelay::connect`, `Session::open`, `Session::set_limits` |
//! | has its transaction rolled back | `session::transaction::TransactionState::roll_back`, in the session's close or drop |
//! | hangs up; says that it gives back | `Session::close` or its drop; `GiveBack`, once `Line` has seen the server's end |
//! | a counter hears an acquire | the clock's reading before the first, blind write in `DynamoStore::acquire` |
//! | has the table decide | one `UpdateItem`: `store::expression`; when refused, the plan from the old item, or the next shard |
//! | looks for a repeated call's lease | a consistent read of each shard, before a shard is asked |
//! | takes a shard for full | `pool::rejection`; of all shards, that is a refusal from memory |
//! | refuses an acquire by its own limit, is throttled by the table | `Controller::held_off`, `Controller::acquire` |
//! | has the table decide, and does not hear how | `DynamoStore::send_acquire`, which sends the write again |
//! | a holder hears that its call was throttled | `backend::LambdaBackend`, when Lambda throttled all tries |
//! | looks for a lease to release or renew | a consistent read of each shard that was not tried, and the write to where it is |
//! | hears a give-back | the read in `Store::release_oldest_anonymous` |
//! | has a session reset, is woken, replaces a session | `sessions::Sessions` and `session::Session::reset_for_reuse` |
//! | the server ends | `wait_timeout`, `connect_timeout`, `max_statement_time` |
//! | the server rolls back | after it has hung up; until then its thread counts |
//! | is asked for a sweep | the read in `Store::sweep` |
//! | the pool is given another size, drains, goes on | `PoolAdmin`; `pool::split::change`, and the writes of `pool::split::writes` |
//!
//! The rules are not copied: a counter of the model decides by
//! [`Pool::plan_acquire`](rds_admission::pool::Pool::plan_acquire) and reads its clock through
//! [`Clock`](rds_admission::time::Clock), and a session of it takes its limits from
//! [`Limits::fit`](rds_admission::session::Limits::fit); whether a slot is kept, for how long, and what is
//! done on waking is said by [`Warm`](rds_admission::pool::warm::Warm); a lease begins with the shard of
//! [`home_shard`](rds_admission::pool::LeaseId::home_shard), and another size is divided by
//! [`split::change`](rds_admission::pool::split::change). What the conditional writes say is written
//! out once more in [`item`], because they are DynamoDB's to evaluate.
//!
//! # What is abstracted, and why that is sound
//!
//! - **Nothing is ever forced** but the passing of what the server ends. A crash is a holder that takes
//!   no further step, a lost message one that is never delivered, a slow host one whose step comes
//!   late; so these need no steps of their own. A process that is killed on a host that lives is a
//!   holder that hangs up and does nothing more.
//! - **Who decides** is a process of its own, and no step of it waits for the holder's. In direct mode it is
//!   the holder's own process, which decides by the same reads and writes. That adds no step and takes some
//!   away: a holder that is killed takes its decider with it, which here is a request that goes no further;
//!   one that freezes after its decider has planned a write, a takeover say, sends it late, which here any
//!   write may be; and one that is frozen or killed between the write and its answer has lost the answer.
//! - **Memory** is not in the state: any call that does not say that it is repeated may find any shard taken
//!   for full, at any time, for no reason. Nothing is granted from memory.
//! - **Which try it is** matters to a counter only where a pool is split, is refused from memory, or requests are
//!   turned away, and only there may a repeated call arrive before the first. A caller who does not say so is one
//!   whose first try is lost.
//! - **An error** of a counter tells a holder nothing: it is a request that goes no further, and the holder gives up,
//!   which it may at any time.
//! - **A search for a lease** goes from shard to shard, each read one step with the write that may follow:
//!   what is written later is what would be read later. One that stops when it has found the lease is one
//!   that goes no further.
//! - **An operator** of a split pool writes one share after the other, and stops at any of them; the next
//!   one plans from what it reads. Two do not do so at the same time, but one may have the pool drain or go
//!   on between two writes of the other. Of a pool that is split that is one step: the write of a share asks
//!   only whether its own item drains.
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
//! - **A slot that is kept** is one of a holder that does nothing; it may be frozen, or killed, or wake up to
//!   other work. Its instance starts afresh under another lease: that is another holder, which begins when this
//!   one has hung up. How much later than it was told the server ends a session that is kept is always the
//!   most that the rule allows for. That slots are given back in time when nobody uses them is a hanging up,
//!   which may come at any time. What a session had chosen for itself is checked by one more statement before
//!   the reset. Work under a longer lease is taken to have all the time that the lease allows.
//! - **Leases are short**, a few seconds. The lengths that matter are those between the last word and
//!   the end of a lease, and these are the real ones.
//! - **A transaction** is open from a holder's statement to the rollback that it asks for, in the configuration that
//!   is about that. A holder knows no less than whether one is open, and gives its slot back once the server has rolled
//!   back; the code never hears of that, and leaves the slot to its lease.
//! - **A holder has one connection**, as its slot sees to (`Slot::connecting`). The second one, which `query` opens after a refused password,
//!   begins when the first is gone.
//! - **The login is one message.** Each of its parts has to come before the last word, and the server
//!   waits no longer for the next than its `connect_timeout`.
//! - **Answers of a release** change nothing, and are left out; so is the bound on tries of an acquire.
//!
//! # What is assumed
//!
//! [`Assumption`](removed::Assumption) lists it, and the third table shows what happens without.

mod acquire;
pub mod check;
pub mod configuration;
pub mod configurations;
mod counter;
mod forget;
mod holder;
pub mod item;
pub mod lease;
pub mod mail;
pub mod mutants;
pub mod phase;
pub mod properties;
pub mod protocol;
pub mod reached;
pub mod removed;
pub mod report;
mod resize;
pub mod script;
mod server;
mod session;
pub mod shards;
pub mod state;
pub mod step;
pub mod task;
pub mod timing;
pub mod trace;
pub mod warm;
