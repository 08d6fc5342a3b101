//! A run.

use std::time::Duration;

use rand::RngExt;
use rds_admission::time::saturating_seconds;

use crate::agenda::Agenda;
use crate::caller::{Caller, Client};
use crate::chance::{Rng, exponential, seeded_rng};
use crate::deciders::Deciders;
use crate::holders::Holders;
use crate::outcome::Outcome;
use crate::scenario::{Arrivals, Scenario};
use crate::table::{Item, Reply, Request};
use crate::tally::Tally;

/// How often what is over is taken away: the template's schedule.
pub(crate) const SWEEP: Duration = Duration::from_secs(60);

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// A caller arrives: the next independent one, or this client.
    Arrives(Option<usize>),
    /// A caller asks for a slot, for the first time or again.
    Asks(usize),
    /// What it asks reaches those that decide.
    Reaches(usize),
    /// An instance begins with it.
    Begins(usize),
    /// A request reaches the table.
    AtTable(usize, Request),
    /// Its answer is back.
    Back(usize, Request, Reply),
    /// A caller gets its answer: a slot, or a time to retry.
    Answered(usize, Result<(), Duration>),
    /// A holder's work ends.
    Ends(usize),
    /// Its give-back reaches those that decide.
    GivesBack(usize),
    /// A holder has nothing more to do: its caller is answered.
    Leaves(usize),
    /// A holder is gone, without a word.
    Crashes(usize),
    /// An instance of the query begins with a request.
    Wakes(usize),
    /// What it had kept is its own for this request too.
    GoesOn(usize),
    /// What it had kept is not its own any more, or may not be; and whether it still gives it back.
    LetsGo(usize, bool),
    /// Its session is as a new one: it is judged whether it is kept.
    Keeps(usize),
    /// The idle limit of this instance's session has passed, as set that time.
    ServerEnds(usize, u64),
    /// What is over is taken away.
    Sweeps,
}

/// All that there is.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) agenda: Agenda<Event>,
    pub(crate) rng: Rng,
    pub(crate) items: Vec<Item>,
    pub(crate) deciders: Deciders,
    pub(crate) holders: Holders,
    pub(crate) callers: Vec<Caller>,
    /// Places of `callers` that are free.
    pub(crate) vacant: Vec<usize>,
    pub(crate) clients: Vec<Client>,
    pub(crate) tally: Tally,
}

/// Simulates a scenario, from an empty pool until the last holder is gone.
#[must_use]
pub fn run(scenario: &Scenario) -> Outcome {
    let mut world = World {
        scenario,
        agenda: Agenda::new(),
        rng: seeded_rng(scenario.seed),
        items: (0..scenario.items()).map(|n| Item::new(scenario, n)).collect(),
        deciders: Deciders::new(scenario),
        holders: Holders::new(scenario),
        callers: Vec::new(),
        vacant: Vec::new(),
        clients: Vec::new(),
        tally: Tally::new(scenario),
    };
    world.begin();
    while let Some(event) = world.agenda.next() {
        world.happens(event);
    }
    world.tally.outcome(&world.items, &world.clients)
}

impl World<'_> {
    fn begin(&mut self) {
        self.sweeps_later();
        match self.scenario.arrivals {
            Arrivals::Closed(clients, _) => self.clients_come(clients, Duration::ZERO),
            Arrivals::Surge { before, at, after, .. } => {
                self.clients_come(before, Duration::ZERO);
                self.clients_come(after.saturating_sub(before), at);
            }
            Arrivals::Open(_) | Arrivals::Ebb(..) => self.next_arrives(),
        }
    }

    /// Adds `count` clients, within a second from then on.
    fn clients_come(&mut self, count: u32, from: Duration) {
        for _ in 0..count {
            let at = from + saturating_seconds(self.rng.random_range(0.0..1.0));
            self.agenda.after(at, Event::Arrives(Some(self.clients.len())));
            self.clients.push(Client::default());
        }
    }

    /// Lets the next of independent callers come.
    pub(crate) fn next_arrives(&mut self) {
        let per_second = match self.scenario.arrivals {
            Arrivals::Open(per_second) => per_second,
            Arrivals::Ebb(rush, until, _) if self.agenda.now() < until => rush,
            Arrivals::Ebb(_, _, calm) => calm,
            Arrivals::Closed(..) | Arrivals::Surge { .. } => return,
        };
        let pause = exponential(saturating_seconds(1.0 / per_second), &mut self.rng);
        self.agenda.after(pause, Event::Arrives(None));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives(client) => self.arrives(client),
            Event::Asks(caller) => self.asks(caller),
            Event::Reaches(caller) => self.reaches(caller),
            Event::Begins(caller) => self.decide(caller),
            Event::AtTable(caller, request) => self.at_table(caller, request),
            Event::Back(caller, request, reply) => self.back(caller, request, reply),
            Event::Answered(caller, answer) => self.answered(caller, answer),
            Event::Ends(caller) => self.ends(caller),
            Event::GivesBack(caller) => self.gives_back(caller),
            Event::Leaves(caller) => self.is_done(caller),
            Event::Crashes(caller) => self.crashes(caller),
            Event::Wakes(caller) => self.wakes(caller),
            Event::GoesOn(caller) => self.goes_on(caller),
            Event::LetsGo(caller, gives_back) => self.lets_go(caller, gives_back),
            Event::Keeps(caller) => self.keeps(caller),
            Event::ServerEnds(holder, limit) => self.server_ends(holder, limit),
            Event::Sweeps => self.sweeps(),
        }
    }
}
