//! Ten times the callers that a pool can admit: what a rejection costs then, and whether slots come back and go
//! out again as quickly as before.

mod load;
mod outcome;
mod run;
mod tally;

pub use load::Load;
pub use outcome::Outcome;
pub use run::{Until, run};
