//! How often a secret is read again because a connection failed.

use std::time::Duration;

use crate::time::Deadline;

/// So many at once.
const AT_ONCE: u32 = 3;
/// And one more after so long.
const EVERY: Duration = Duration::from_secs(3);

/// Lets a few through at once, and then one every three seconds: a database that is down for an hour costs
/// an instance that is asked all the time 1,200 calls of Secrets Manager, which are 0.6 cents.
#[derive(Debug)]
pub(super) struct Rereads {
    /// When what was let through has been made up for.
    even: Deadline,
}

impl Rereads {
    pub(super) fn new() -> Self {
        Self { even: Deadline::within(Duration::ZERO) }
    }

    /// Whether the secret may be read once more; then that is counted.
    pub(super) fn one_more(&mut self) -> bool {
        let may = self.has_room();
        if may {
            self.even = Deadline::within(self.even.left() + EVERY);
        }
        may
    }

    /// Whether it may be read once more.
    pub(super) fn has_room(&self) -> bool {
        self.even.left() <= EVERY * (AT_ONCE - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_few_at_once_and_then_one_every_three_seconds() {
        let mut rereads = Rereads::new();
        let count = |rereads: &mut Rereads| (0..10).filter(|_| rereads.one_more()).count();
        assert_eq!(count(&mut rereads), 3);
        tokio::time::advance(Duration::from_millis(3_001)).await;
        assert_eq!(count(&mut rereads), 1);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(count(&mut rereads), 3);
    }
}
