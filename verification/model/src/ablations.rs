//! Ablations: the protocol without one rule, or without one assumption about its environment. Each must break a
//! property, which shows that the rule is needed and that the model can see it.

/// Declares [`Ablation`]. An entry has a variant, the name for `--trace`, the configuration that is checked, and
/// what is removed; `harmless` gives the reason if no property breaks.
macro_rules! ablations {
    (
        $(#[$doc:meta])* enum $enum:ident;
        $($list:ident { $(
            $(#[$code:meta])* $variant:ident $name:literal in $configuration:literal: $text:literal
            $(harmless $reason:literal)?;
        )* })*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $enum { $($(
            #[doc = $text]
            $(#[$code])*
            $variant,
        )*)* }

        impl $enum {
            $(
                /// All of this kind.
                pub const $list: &[Self] = &[$(Self::$variant),*];
            )*

            /// The name for `--trace`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)*)* }
            }

            /// The name of the configuration that is checked.
            #[must_use]
            pub fn configuration(self) -> &'static str {
                match self { $($(Self::$variant => $configuration,)*)* }
            }

            /// What is removed.
            #[must_use]
            pub fn removed(self) -> &'static str {
                match self { $($(Self::$variant => $text,)*)* }
            }

            /// Why no property breaks, if none does.
            #[must_use]
            #[allow(unreachable_code, clippy::match_same_arms, reason = "a return only where there is a reason")]
            pub fn harmless(self) -> Option<&'static str> {
                match self { $($(Self::$variant => { $(return Some($reason);)? None })*)* }
            }
        }
    };
}

ablations! {
/// A rule, or an assumption, that is removed.
enum Ablation;

GUARDS {
    /// (`Pool::has_expired`)
    SkewAllowance "skew-allowance" in "lambda": "a lease counts as expired only 2 s after its expiry";
    Takeover "takeover" in "messages": "an acquire takes over expired leases";
    ExactTakeover "exact-takeover" in "messages": "a takeover is conditional on the expiries that were read";
    LimitInTheTakeover "limit-in-takeover" in "resize": "a takeover is conditional on the limit that was read";
    LimitInTheWrite "limit-in-write" in "classes": "the limit is in the condition of the write";
    /// (`attribute_not_exists(Leases.#lease)`)
    KnownLease "known-lease" in "repeats": "the write recognises a lease that is held already";
    OneLeasePerCall "one-id" in "repeats": "a repeated call has the same lease id";
    /// (`attribute_exists(Leases.#lease)`)
    ReleaseOfHeldLease "release-condition" in "messages": "only a held lease is released";
    RenewalOfHeldLease "renew-condition" in "renewals": "only a held lease is renewed";
    RenewalWithinTheLimit "renewal-within-limit" in "drain":
        "the renewal of an expired lease must fit the limit, which is 0 in a draining pool";
    RenewalNeverShortens "longer" in "renewals": "a renewal never shortens a lease";
    DrainInTheWrite "drain-in-write" in "drain": "an acquire is conditional on a pool that is not draining";
    DrainInTheTakeover "drain-in-takeover" in "drain": "a takeover is conditional on a pool that is not draining";
    ExactSweep "exact-sweep" in "drain": "a sweep is conditional on the expiries that were read";
    CountedFromRequest "from-asking" in "lambda": "a lease counts from the request, not from the response";
    WallClock "wall-clock" in "lambda": "a holder also reads the wall clock, which runs on while it is frozen";
    CloseBeforeRelease "close-first" in "lambda": "the connection is closed before the slot is released";
    ServerClosesFirst "servers-end" in "lambda": "the release waits until the server has closed the connection";
    /// (`session::transaction`)
    NoOpenTransaction "nothing-to-undo" in "rollback":
        "a close by the server is no proof of the end while a transaction is open";
    IdleLimit "idle-limit" in "patient": "the session has an idle limit";
    StatementLimit "statement-limit" in "lambda": "the session has a statement limit";
    TwiceIdle "twice-idle" in "patient": "the statement limit leaves twice the idle limit of the lease";
    ShrinkingLimits "shrinking-limits" in "patient": "the statement limit shrinks for later statements";
    /// (`Slot::may_speak_for`)
    SendDeadline "last-word" in "lambda": "nothing is sent in the last 5 s of a lease";
    WaitTimeout "wait-timeout" in "lambda": "the server's `wait_timeout` is 5 s, not 8 s";
    ConnectTimeout "connect-timeout" in "lambda": "the server's `connect_timeout` is 5 s, not 8 s";
    CheckBeforeLogin "look-before-login" in "lambda": "the lease is checked before the login"
        harmless "the relay stops the login, only later";
    ReleaseOfALostGrant "give-back" in "messages": "an acquire without a response is followed by a release"
        harmless "costs time, not safety: the slot is held until 2 s after the lease";
    RepeatBypassesCache "repeats-ask" in "memory": "a repeated call is not rejected from the cache";
    RepeatIsMarked "repeat-says-so" in "memory": "a repeated call is marked as one, also when an SDK repeats it";
    RepeatBypassesRateLimit "repeats-pass" in "throttled": "a repeated call is exempt from the counter's rate limit";
    /// (`Controller::acquire`)
    ThrottledRepeatIsUnknown "throttled-repeat" in "throttled":
        "a repeated call that the table throttles is an error, not a rejection";
    /// (`StoreError::InDoubt`)
    LostThenThrottledIsInDoubt "in-doubt" in "throttled":
        "a write that is throttled after a lost response is in doubt, not rejected";
    /// (`backend::LambdaBackend`)
    AllTriesThrottled "all-throttled" in "throttled":
        "a call counts as undecided only if Lambda throttled all its tries";
    SearchFirst "look-first" in "shard-repeats": "a repeated call searches all shards for its lease first";
    /// (`pool::split::change`)
    OneWay "one-way" in "shard-resize": "no share grows while another shrinks";
    /// (`pool::split::change`)
    OverfullShardsFirst "covers-what-is-out" in "shard-resize": "new slots go to shards above their share first";
    /// (`pool::split::writes`)
    ShrinkBeforeGrow "takes-before-giving" in "shard-move": "shards that shrink are written first";
    /// (`expression::change`)
    MovesWhenEmpty "moves-when-empty" in "shard-move": "slots move only to and from empty items";
    /// (`Warm::may_keep`)
    FillLevel "warm-ignores-filling" in "warm-share": "a slot is kept only while the pool has free slots";
    /// (`Warm::kept_for`)
    KeptForGrace "warm-forgets-grace" in "warm": "a session is kept until 6 s before the end of its lease";
    /// (`Warm::kept_for`)
    KeptForLate "warm-forgets-second" in "warm": "1 s of these is for a slow server";
    CheckBeforeReset "warm-judges-first" in "warm": "the remaining lease is checked before the reset too";
    KeptLimit "warm-no-limit-after-reset" in "warm": "a kept session has an idle limit";
    GlobalAfterReset "warm-global-limit" in "warm":
        "after the reset the server's `wait_timeout` of 5 s applies, not 8 s";
    CheckOnResume "warm-wakes-blind" in "warm": "a resumed holder checks its lease before it sends";
    /// (`Warm::resume`)
    DiscardOnResume "warm-starts-afresh" in "warm": "a resumed holder discards a session whose lease may be over"
        harmless "the relay stops it, only later";
    /// (`Warm::resume`)
    RenewOnResume "warm-renews" in "warm": "a resumed holder renews a lease that is too short for the work"
        harmless "costs time, not safety: the lease cuts the work short";
    RenewalAwaited "warm-renew-unheard" in "warm": "a resumed holder waits for the response to its renewal";
    ReplacedAfterEnd "warm-replaces-unproven" in "warm":
        "a dead session is replaced only after the server has ended it";
    ReplacedBeforeWork "warm-resends" in "warm": "a session is replaced only if its first message found it dead";
}

ASSUMPTIONS {
    ClocksAgree "clocks" in "lambda": "the clocks of two counters differ by at most 2 s";
    PromptConnect "prompt-connect" in "lambda":
        "a TCP connect that passed the check arrives before the last 5 s of the lease";
    PromptRelay "prompt-line" in "lambda":
        "a login, or the limits, that the relay passed arrive before the last 5 s of the lease";
    PromptStatement "prompt-statement" in "patient": "a statement follows its new limits without a freeze";
    RollbackWithinTheLease "rollback-within-lease" in "rollback": "a rollback ends before the lease";
    OneRelease "one-give-back" in "anonymous": "an anonymous caller releases once";
    ReleaseInTime "give-back-in-time" in "anonymous": "an anonymous release arrives within the lease";
    TableAnswers "table-answers" in "anonymous": "the table's response to an anonymous release is not lost";
    ConnectionWithinTheLease "connection-within-lease" in "anonymous":
        "an anonymous caller connects and disconnects within its lease";
}
}

impl Ablation {
    /// All ablations.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::GUARDS.iter().chain(Self::ASSUMPTIONS).copied()
    }
}
