//! The mutants: the protocol less one thing, and where that is to be missed.

mod warm;

use crate::configurations::{
    ANONYMOUS, CLASSES, DRAIN, LAMBDA, MEMORY, MESSAGES, PATIENT, RENEWALS, REPEATS, RESIZE,
    ROLLBACK, SHARD_MOVE, SHARD_REPEATS, SHARD_RESIZE, THROTTLED,
};
use crate::removed::{Assumption, Guard, Removed};

/// The protocol less one thing.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// Its name, for `--trace`.
    pub name: &'static str,
    /// What is missing, in words.
    pub without: &'static str,
    /// What is missing.
    pub removed: Removed,
    /// The configuration in which it is missed.
    pub configuration: &'static str,
    /// Why nothing breaks, where nothing does.
    pub spare: Option<&'static str>,
}

/// The mutants without a guard.
#[must_use]
pub fn guards() -> Vec<Mutant> {
    use Guard as G;
    let mut guards = vec![
        guard(
            "skew-allowance",
            G::SkewAllowance,
            LAMBDA,
            "a lease expires only 2 s after its expiry",
        ),
        guard("takeover", G::Takeover, MESSAGES, "an acquire takes over what has expired"),
        guard("exact-takeover", G::ExactTakeover, MESSAGES, "a takeover names the expiries it saw"),
        guard(
            "limit-in-takeover",
            G::LimitInTheTakeover,
            RESIZE,
            "a takeover names the limit it saw",
        ),
        guard(
            "limit-in-write",
            G::LimitInTheWrite,
            CLASSES,
            "the limit is in the write's condition",
        ),
        guard("known-lease", G::KnownLease, REPEATS, "the counter recognises a lease that is out"),
        guard("one-id", G::OneLeaseACall, REPEATS, "a call is repeated under the same id"),
        guard(
            "release-condition",
            G::ReleaseOfALease,
            MESSAGES,
            "only a lease that is out is released",
        ),
        guard(
            "renew-condition",
            G::RenewalOfALease,
            RENEWALS,
            "only a lease that is out is renewed",
        ),
        guard(
            "renewal-within-limit",
            G::RenewalWithinTheLimit,
            DRAIN,
            "a renewal of what has expired is held to the limit",
        ),
        guard("longer", G::LongerByARenewal, RENEWALS, "a renewal only lengthens a lease"),
        guard(
            "drain-in-write",
            G::DrainInTheWrite,
            DRAIN,
            "an acquire asks whether the pool drains",
        ),
        guard("drain-in-takeover", G::DrainInTheTakeover, DRAIN, "a takeover asks it too"),
        guard("exact-sweep", G::ExactSweep, DRAIN, "a sweep names the expiries it saw"),
        guard(
            "from-asking",
            G::CountedFromAsking,
            LAMBDA,
            "a lease's life is counted from the asking",
        ),
        guard("wall-clock", G::WallClock, LAMBDA, "a holder's wall clock is believed too"),
        guard(
            "close-first",
            G::CloseBeforeRelease,
            LAMBDA,
            "the connection is closed, then released",
        ),
        guard("servers-end", G::ServersEnd, LAMBDA, "the release waits for the server's end"),
        guard(
            "nothing-to-undo",
            G::NothingToUndo,
            ROLLBACK,
            "and is no proof while a transaction is open",
        ),
        guard("idle-limit", G::IdleLimit, PATIENT, "the session is told its idle limit"),
        guard(
            "statement-limit",
            G::StatementLimit,
            LAMBDA,
            "the session is told a statement limit",
        ),
        guard("twice-idle", G::TwiceIdle, PATIENT, "twice the idle limit is kept free"),
        guard("shrinking-limits", G::ShrinkingLimits, PATIENT, "a later statement gets less time"),
        guard("last-word", G::LastWord, LAMBDA, "nothing is said in a lease's last 5 s"),
        guard("wait-timeout", G::WaitTimeout, LAMBDA, "the server's wait_timeout is 5 s, not 8 s"),
        guard("connect-timeout", G::ConnectTimeout, LAMBDA, "its connect_timeout is 5 s, not 8 s"),
        Mutant {
            spare: Some("spare: the last word stops the login, only later"),
            ..guard("look-before-login", G::LookBeforeLogin, LAMBDA, "a look before the login")
        },
        Mutant {
            spare: Some("costs time, not safety: a slot is out for its lease and 2 s"),
            ..guard("give-back", G::GiveBackOfALostGrant, MESSAGES, "a lost grant is given back")
        },
    ];
    guards.extend(of_repeats_and_shards());
    guards.extend(warm::guards());
    guards
}

fn of_repeats_and_shards() -> [Mutant; 11] {
    use Guard as G;
    [
        guard(
            "repeats-ask",
            G::RepeatsAskTheTable,
            MEMORY,
            "a repeated call is not refused from memory",
        ),
        guard("repeat-says-so", G::RepeatSaysSo, MEMORY, "a repeated call says that it is one"),
        guard(
            "repeats-pass",
            G::RepeatsAreNotHeldOff,
            THROTTLED,
            "a repeated call is not refused by the counter's limit",
        ),
        guard(
            "throttled-repeat",
            G::ThrottledRepeatIsUnknown,
            THROTTLED,
            "a repeated call that the table throttles is an error",
        ),
        guard(
            "in-doubt",
            G::LostThenThrottledIsInDoubt,
            THROTTLED,
            "a write is in doubt that was throttled after a lost answer",
        ),
        guard(
            "all-throttled",
            G::AllTriesThrottled,
            THROTTLED,
            "a call is undecided only if Lambda throttled all its tries",
        ),
        guard(
            "look-first",
            G::LookFirst,
            SHARD_REPEATS,
            "a repeated call looks for its lease in all shards",
        ),
        guard("one-way", G::OneWay, SHARD_RESIZE, "no share grows while another shrinks"),
        guard(
            "covers-what-is-out",
            G::CoversWhatIsOut,
            SHARD_RESIZE,
            "what is out above a share gets new slots first",
        ),
        guard(
            "takes-before-giving",
            G::TakesBeforeGiving,
            SHARD_MOVE,
            "what shrinks is written before what grows",
        ),
        guard(
            "moves-when-empty",
            G::MovesWhenEmpty,
            SHARD_MOVE,
            "a share that moves is written to an empty item",
        ),
    ]
}

fn guard(
    name: &'static str,
    guard: Guard,
    configuration: &'static str,
    without: &'static str,
) -> Mutant {
    Mutant { name, without, removed: Removed::Guard(guard), configuration, spare: None }
}

/// The mutants without an assumption.
#[must_use]
pub fn assumptions() -> Vec<Mutant> {
    use Assumption as A;
    let assumption = |name, assumption, configuration, without| Mutant {
        name,
        without,
        removed: Removed::Assumption(assumption),
        configuration,
        spare: None,
    };
    vec![
        assumption("clocks", A::ClocksAgree, LAMBDA, "two counters' clocks agree within 2 s"),
        assumption(
            "prompt-connect",
            A::PromptConnect,
            LAMBDA,
            "no freeze from a look to the TCP connect, to beyond the last word",
        ),
        assumption(
            "prompt-line",
            A::PromptLine,
            LAMBDA,
            "no freeze from the line's look to its write, to beyond the last word",
        ),
        assumption(
            "prompt-statement",
            A::PromptStatement,
            PATIENT,
            "no freeze between limits that are told anew and their statement",
        ),
        assumption(
            "rollback-within-lease",
            A::RollbackWithinTheLease,
            ROLLBACK,
            "a rollback is over when the lease is",
        ),
        assumption("one-give-back", A::OneGiveBack, ANONYMOUS, "an article caller gives back once"),
        assumption(
            "give-back-in-time",
            A::GiveBackInTime,
            ANONYMOUS,
            "its give-back arrives within its lease",
        ),
        assumption(
            "table-answers",
            A::TableAnswers,
            ANONYMOUS,
            "the table's answer to that give-back is not lost",
        ),
        assumption(
            "connection-within-lease",
            A::ConnectionWithinTheLease,
            ANONYMOUS,
            "its connection ends within its lease",
        ),
    ]
}

/// The mutant of that name.
#[must_use]
pub fn named(name: &str) -> Option<Mutant> {
    guards().into_iter().chain(assumptions()).find(|mutant| mutant.name == name)
}
