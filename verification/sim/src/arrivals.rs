//! Who comes, and for how long.

use std::time::Duration;

use crate::chance::{Rng, exponential};

/// Who comes.
#[derive(Debug, Clone, Copy)]
pub enum Arrivals {
    /// Independent callers per second, which do not return.
    Open(f64),
    /// This number of clients. Each returns after its `Retry-After` when rejected, and after a pause of this
    /// mean when served.
    Closed(u32, Duration),
    /// An overload that ends: callers per second, when it ends, and callers per second after that.
    Ebb(f64, Duration, f64),
    /// Clients that come back, as in [`Closed`](Self::Closed): `before` of them, and `after` from a time on, the
    /// new ones within a second.
    Surge {
        /// Clients at first.
        before: u32,
        /// When the others come.
        at: Duration,
        /// Clients after that.
        after: u32,
        /// The mean pause of a client that was served.
        think: Duration,
    },
}

impl Arrivals {
    /// The mean pause of a client that was served, where clients come back.
    pub(crate) fn think(self) -> Option<Duration> {
        match self {
            Self::Open(_) | Self::Ebb(..) => None,
            Self::Closed(_, think) | Self::Surge { think, .. } => Some(think),
        }
    }
}

/// How long a holder works with its slot.
#[derive(Debug, Clone, Copy)]
pub enum Hold {
    /// Always as long.
    Exactly(Duration),
    /// Exponentially distributed.
    Around(Duration),
}

impl Hold {
    /// The mean.
    #[must_use]
    pub fn mean(self) -> Duration {
        match self {
            Self::Exactly(mean) | Self::Around(mean) => mean,
        }
    }

    pub(crate) fn draw(self, rng: &mut Rng) -> Duration {
        match self {
            Self::Exactly(hold) => hold,
            Self::Around(mean) => exponential(mean, rng),
        }
    }
}
