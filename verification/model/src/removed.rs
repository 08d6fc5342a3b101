//! What is taken out of the protocol to see that it was needed.

/// A rule of the protocol. Without it, a property breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A lease counts as expired only the allowance after its expiry: `Pool::has_expired`.
    SkewAllowance,
    /// A takeover replaces only leases that still have exactly the expiry that was seen.
    ExactTakeover,
    /// A takeover happens only under the limit that it was planned for.
    LimitInTheTakeover,
    /// An acquire takes over what has expired. Without it a crash costs a slot for good.
    Takeover,
    /// The limit is in the write's own condition, not in a read before it.
    LimitInTheWrite,
    /// The counter recognises a lease that is out: `attribute_not_exists(Leases.#lease)`.
    KnownLease,
    /// A holder repeats a call under the id that it chose for the first.
    OneLeaseACall,
    /// Only a lease that is out is given back: `attribute_exists(Leases.#lease)`.
    ReleaseOfALease,
    /// Only a lease that is out is renewed.
    RenewalOfALease,
    /// A renewal of a lease that has expired is held to the limit, which is none while the pool drains.
    RenewalWithinTheLimit,
    /// A renewal only lengthens a lease.
    LongerByARenewal,
    /// The write of an acquire asks whether the pool drains.
    DrainInTheWrite,
    /// A takeover asks it too.
    DrainInTheTakeover,
    /// A sweep takes away only leases that still have exactly the expiry that was seen.
    ExactSweep,
    /// A holder counts its lease from when it asked, not from when it heard.
    CountedFromAsking,
    /// A holder believes its wall clock too, which does not stand still while it is frozen.
    WallClock,
    /// The connection is closed before the slot is given back.
    CloseBeforeRelease,
    /// The slot is given back only when the server has ended the connection.
    ServersEnd,
    /// That the server has hung up is no proof of it while a transaction is open: `session::transaction`.
    NothingToUndo,
    /// The session is told how long it may idle.
    IdleLimit,
    /// The session is told how long a statement may take.
    StatementLimit,
    /// A statement may take what is left of the lease less *twice* the idle limit.
    TwiceIdle,
    /// A later statement is given less time.
    ShrinkingLimits,
    /// Nothing is said to the server in the last seconds of a lease: `Slot::may_speak_for`.
    LastWord,
    /// The lease is looked at after connecting, before logging in.
    LookBeforeLogin,
    /// The server's global `wait_timeout` is no longer than the grace.
    WaitTimeout,
    /// The server's `connect_timeout` is no longer than the grace.
    ConnectTimeout,
    /// A repeated call says that it is one, also when an SDK repeats it by itself.
    RepeatSaysSo,
    /// A repeated call is not refused from memory: an earlier try may have been granted.
    RepeatsAskTheTable,
    /// A repeated call is not refused by the counter's own limit: `Controller::held_off`.
    RepeatsAreNotHeldOff,
    /// A repeated call that the table throttles is not refused, but an error: `Controller::acquire`.
    ThrottledRepeatIsUnknown,
    /// A write that is throttled after an answer to it was lost is no refusal either: `StoreError::InDoubt`.
    LostThenThrottledIsInDoubt,
    /// A holder whose call is throttled by Lambda takes it for undecided only if all of its tries were:
    /// `backend::LambdaBackend`.
    AllTriesThrottled,
    /// A repeated call to a split pool looks for its lease in all shards before it asks one.
    LookFirst,
    /// When a split pool is given another size, no share grows while another one shrinks:
    /// `pool::split::change`.
    OneWay,
    /// When a split pool grows, a shard that has more leases than its share gets the new slots first:
    /// `pool::split::change`.
    CoversWhatIsOut,
    /// When the slots of a split pool move, all that shrinks is written before what grows: `split::writes`.
    TakesBeforeGiving,
    /// A share that moves is written only to an item without a lease: `expression::change`.
    MovesWhenEmpty,
    /// An acquire without an answer is followed by a release.
    GiveBackOfALostGrant,
    /// A slot is kept only while the pool has room: `Warm::may_keep`.
    Filling,
    /// A session is kept for no longer than its lease less the grace and the server's second:
    /// `Warm::kept_for`.
    KeptForGrace,
    /// Less the server's second.
    KeptForLate,
    /// That is looked at before the session is reset, and not only after it.
    JudgedBeforeReset,
    /// A session that is kept is told how long it may idle, and until then has the server's global limit.
    KeptLimit,
    /// That global limit is no longer than the grace.
    GlobalAfterReset,
    /// A holder that is woken looks at its lease before it says its first word, and so does its line.
    LookOnWaking,
    /// A holder that is woken starts afresh when its lease may be over: `Warm::wake`.
    StartsAfresh,
    /// A holder that is woken has its lease renewed when it does not cover the work: `Warm::wake`.
    RenewsOnWaking,
    /// A holder that is woken goes on only when it has heard that its lease was renewed.
    RenewalHeard,
    /// A session that is dead is replaced only when the server is known to have ended it.
    ProvenGone,
    /// A session is replaced only when its first word since the waking found it dead.
    ReplacedBeforeWork,
}

/// What is taken for granted of the world around the protocol. Without it, a property breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assumption {
    /// The clocks of two counters differ by the allowance at most.
    ClocksAgree,
    /// A TCP connect that a look at the clock allowed reaches the server before the last word.
    PromptConnect,
    /// A login, or the session's limits, that the line's look at the clock let through reach the
    /// server before the last word.
    PromptLine,
    /// A statement for which the session's limits were told anew follows them without a pause.
    PromptStatement,
    /// A rollback is over when the lease is.
    RollbackWithinTheLease,
    /// A caller of the article's protocol says only once that it gives back.
    OneGiveBack,
    /// What it says arrives before its lease is over.
    GiveBackInTime,
    /// The table's answer to an anonymous give-back reaches the counter, which so does not try again.
    TableAnswers,
    /// A caller of the article's protocol connects, and ends its connection, within its lease.
    ConnectionWithinTheLease,
}

/// What is missing in a mutant; nothing in the protocol itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Removed {
    /// The protocol as it is.
    #[default]
    Nothing,
    /// A guard of it.
    Guard(Guard),
    /// Two guards that stand in for each other.
    Guards(Guard, Guard),
    /// An assumption.
    Assumption(Assumption),
}

impl Removed {
    /// Whether `guard` is missing.
    #[must_use]
    pub fn guard(self, guard: Guard) -> bool {
        match self {
            Self::Guard(one) => one == guard,
            Self::Guards(one, other) => one == guard || other == guard,
            Self::Nothing | Self::Assumption(_) => false,
        }
    }

    /// Whether `assumption` is missing.
    #[must_use]
    pub fn assumption(self, assumption: Assumption) -> bool {
        self == Self::Assumption(assumption)
    }
}
