//! Faults on demand: what the functions say to AWS, and what they hear, passes the front door, which
//! can be told to delay it, to answer in AWS's place, and to kill or freeze who is calling.

mod book;
mod call;
mod reply;
mod rule;

pub(super) use book::{Book, Caller};
pub(super) use call::Call;
pub(super) use rule::{Moment, Rule};
