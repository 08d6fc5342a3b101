//! The mutants of slots that are kept.

use super::{Mutant, guard};
use crate::configurations::{WARM, WARM_SHARE};
use crate::removed::Guard as G;

pub(super) fn guards() -> Vec<Mutant> {
    vec![
        guard(
            "warm-ignores-filling",
            G::Filling,
            WARM_SHARE,
            "a slot is kept only while the pool has room",
        ),
        guard(
            "warm-forgets-grace",
            G::KeptForGrace,
            WARM,
            "a session is kept less than its lease by 6 s",
        ),
        guard(
            "warm-forgets-second",
            G::KeptForLate,
            WARM,
            "of which one is for a server that is late",
        ),
        guard(
            "warm-judges-first",
            G::JudgedBeforeReset,
            WARM,
            "that is looked at before the reset",
        ),
        guard("warm-no-limit-after-reset", G::KeptLimit, WARM, "a kept session is told its limit"),
        guard(
            "warm-global-limit",
            G::GlobalAfterReset,
            WARM,
            "until then the server's wait_timeout is 5 s, not 8 s",
        ),
        guard("warm-wakes-blind", G::LookOnWaking, WARM, "a woken holder looks at its lease"),
        Mutant {
            spare: Some("spare: the last word stops it, only later"),
            ..guard(
                "warm-starts-afresh",
                G::StartsAfresh,
                WARM,
                "it starts afresh when that may be over",
            )
        },
        Mutant {
            spare: Some("costs time, not safety: the lease cuts the work short"),
            ..guard("warm-renews", G::RenewsOnWaking, WARM, "it renews a lease that is too short")
        },
        guard("warm-renew-unheard", G::RenewalHeard, WARM, "it goes on only when it hears how"),
        guard(
            "warm-replaces-unproven",
            G::ProvenGone,
            WARM,
            "a dead session is replaced once the server has ended it",
        ),
        guard(
            "warm-resends",
            G::ReplacedBeforeWork,
            WARM,
            "and only when the first word found it dead",
        ),
    ]
}
