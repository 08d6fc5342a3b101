//! How requests come out.

use crate::wire::Reason;

/// How a request came out that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A slot was granted.
    Granted,
    /// None was.
    Refused(Reason),
    /// A slot came back.
    Released,
    /// It was back already, or somebody else's.
    AlreadyBack,
    /// A lease lasts longer.
    Renewed,
    /// It was over.
    Lost,
    /// The pool was looked at.
    Status,
    /// Expired leases were taken away, as far as there were any.
    Swept,
}

impl Outcome {
    /// The outcome's name in logs; of a refusal, the reason.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused(reason) => reason.as_str(),
            Self::Released => "released",
            Self::AlreadyBack => "already_back",
            Self::Renewed => "renewed",
            Self::Lost => "lost",
            Self::Status => "status",
            Self::Swept => "swept",
        }
    }
}
