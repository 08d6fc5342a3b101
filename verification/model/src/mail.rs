//! What is under way between a holder and the counter.

use crate::shards::ShardSet;

/// Requests and answers between a holder and the counter. What is never delivered is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each answer is under way or not, by itself")]
pub struct Mail {
    /// Its acquire, which may yet arrive.
    pub acquire: bool,
    /// Copies of it that say that they are.
    pub repeats: u8,
    /// Copies of its release.
    pub releases: u8,
    /// Copies of its renewal.
    pub renewals: u8,
    /// Answers that it was granted a slot: of which shards.
    pub granted: ShardSet,
    /// The same, of a counter that recognised the call as a repeated one.
    pub granted_before: ShardSet,
    /// An answer that no slot is free.
    pub refused: bool,
    /// An answer that its lease was renewed.
    pub renewed: bool,
    /// An answer that it was lost.
    pub lost: bool,
    /// What an answer that it was granted or renewed tells besides: [`Keeping::told`].
    ///
    /// [`Keeping::told`]: crate::warm::Keeping::told
    pub told: Option<u8>,
}
