//! The admission protocol as a model that is checked in every reachable state, and its ablations.
//!
//! `cargo run --package model` prints three tables: the configurations, the ablations of guards, the ablations of
//! assumptions. `--trace NAME` prints the counterexample of an ablation.
//!
//! # States and steps
//!
//! A [`State`](state::State) is the time, the pool's items, the counters' tasks, and the holders, each with its
//! messages and its connection as the server sees it. A [`Step`](step::Step) is what may happen next. A check of the
//! clock and the following action are two steps, so that a freeze can fall between them:
//!
//! | step | in the code |
//! |---|---|
//! | a holder acquires, receives the response, gives up | the client's scope, `with_slot` |
//! | checks the clock | `session::Limits::within`, in `Session::open`, `session::connect` and `Session::run` |
//! | passes the relay, sends a message | `session::relay` and `Slot::may_speak_for` |
//! | connects, logs in, sets the limits | `session::relay`, `Session::open` |
//! | sends the rollback | the session's close or drop |
//! | disconnects; sends the release | `Session::close` or its drop; then, after the server's close, the client's release |
//! | a counter receives an acquire | the reading of the clock before the first write in `DynamoStore::acquire` |
//! | sends to the table | one `UpdateItem` of `store::expression`; after a failed condition, the plan from the returned item, or the next shard |
//! | searches for a repeated call's lease | a consistent read of each shard before the first write |
//! | skips a shard as full | the rejection cache; if all shards are skipped, a rejection from the cache |
//! | rejects by its rate limit, is throttled by the table | the counter's limiter, `Controller::acquire` |
//! | sends to the table, and loses the response | `DynamoStore::send_acquire`, which sends the write again |
//! | a holder learns that its call was throttled | `backend::LambdaBackend`, when Lambda throttled all tries |
//! | searches for a lease to release or renew | a consistent read of each untried shard, and the write to the one that holds it |
//! | receives an anonymous release | the read in `release_oldest_anonymous` of the store |
//! | resets a session, resumes, replaces a session | `sessions::Sessions` and `session::Session::reset_for_reuse` |
//! | the server enforces its limits | `wait_timeout`, `connect_timeout`, `max_statement_time` |
//! | rolls back | after its close; until then its thread counts |
//! | a sweep | the read in the store's `sweep` |
//! | a resize, a drain, a resume | `store::PoolAdmin`; `pool::split::change` and `pool::split::writes` |
//!
//! The rules are not copied. A counter plans by [`Pool::plan_acquire`](rds_admission::pool::Pool::plan_acquire) and
//! reads its clock through [`Clock`](rds_admission::time::Clock). A session's limits are from
//! [`Limits::fit`](rds_admission::session::Limits::fit), the handling of warm slots is from
//! [`Warm`](rds_admission::pool::warm::Warm), and a resize is divided by
//! [`split::change`](rds_admission::pool::split::change). Only the conditional writes are repeated, in [`item`],
//! because DynamoDB evaluates them.
//!
//! # Abstractions, and why they are sound
//!
//! - **No step is forced**, except that the server enforces its limits before time passes. A crash is a holder
//!   without further steps, a lost message one that is never delivered, a slow host a late step. A process killed on
//!   a live host is a holder that disconnects and stops.
//! - **The counter is a process of its own.** In direct mode it is the holder's process. That only removes
//!   behaviours: if the process is killed, the task stops too; if it freezes, the write is late; if it dies after the
//!   write, the response is lost.
//! - **The rejection cache** is not in the state: any call that is not marked as repeated may find any shard full in
//!   it, at any time. Nothing is granted from the cache.
//! - **The try's number** matters to a counter only with a split pool, the cache or throttling; only there may a
//!   repeated call arrive before the first. A caller that does not mark its calls is one whose first try is lost.
//! - **An error** of a counter is a task that stops; the holder gives up, as it may at any time.
//! - **A search** visits one shard after the other. Each read is one step with the write that may follow, because a
//!   later write would find the same. A search that stops at the lease is one that does not continue.
//! - **An operator** writes the shares of a resize one by one and may stop at any; the next one plans from what it
//!   reads. Two do not resize at once, but another may drain or resume the pool between two writes; in a split pool
//!   that is one step, because a write of a share checks only its own item.
//! - **Time is in seconds** (`--large` also uses half seconds). Bounds that the code excludes are included, so more is
//!   allowed than in reality. One exception: the server enforces its limits before a counter reads the same second.
//!   Otherwise a session that ends exactly with its lease would count as outliving it; in reality the last message
//!   was sent before the end.
//! - **Time ends** at a horizon and everything else is limited, so the number of states is finite. That every slot
//!   becomes free again is checked in *every* state: a newcomer must be granted a slot after the end of all leases.
//!   A behaviour may stop in any state, so this covers the end of each, and does not need acyclic behaviours as
//!   Stateright's `eventually` does.
//! - **A counter's clock** is correct or ahead by the allowance; values between allow no more.
//! - **A holder's clock** is the one that moved further, so it is never behind the true time. That it may be ahead is
//!   left out: the holder would disconnect earlier, which it may at any time.
//! - **A kept slot** is that of an idle holder, which may freeze, be killed or be resumed. After a discard the
//!   instance uses another lease: another holder, which starts after the first has disconnected. The server always
//!   ends a kept session as late as the rule allows. The release of an unused slot is a disconnect, which may come at
//!   any time. The check of the session before its reset is one more statement. Work under a longer lease may use all
//!   of it.
//! - **Leases are short**, a few seconds. The margins at their end, which matter, are the real ones.
//! - **A transaction** is open from a statement to its rollback, in one configuration. A holder knows whether one is
//!   open, and releases after the rollback; the code never learns of its end, and leaves the slot to its lease.
//! - **A holder has one connection** (`Slot::connecting`). The second one, which `query` opens after a rejected
//!   password, begins after the first.
//! - **The login is one message.** Each of its parts must be sent in time, and the server waits for the next no longer
//!   than `connect_timeout`.
//! - **Responses to a release** have no effect and are left out, as is the bound on an acquire's tries.
//!
//! # Assumptions
//!
//! [`Ablation::ASSUMPTIONS`](ablations::Ablation::ASSUMPTIONS) lists them; the third table shows what breaks without
//! each.

pub mod ablations;
mod acquire;
pub mod check;
pub mod configuration;
pub mod configurations;
mod counter;
mod coverage;
mod holder;
pub mod item;
pub mod lease;
pub mod phase;
pub mod properties;
mod protocol;
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
mod warm;
