//! What is going to happen, in the order of time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Events, each at its time. Those of the same time happen in the order in which they were put in, so that
/// a run is the same each time.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    heap: BinaryHeap<Entry<E>>,
    now: Duration,
    entered: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Duration,
    number: u64,
    event: E,
}

impl<E> Agenda<E> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), now: Duration::ZERO, entered: 0 }
    }

    /// The time of the event that happened last.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Lets `event` happen `later` from now.
    pub(crate) fn after(&mut self, later: Duration, event: E) {
        self.entered += 1;
        self.heap.push(Entry { at: self.now + later, number: self.entered, event });
    }

    /// The next event; the time is then its time.
    pub(crate) fn next(&mut self) -> Option<E> {
        let entry = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}

impl<E> Ord for Entry<E> {
    /// The heap's greatest is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}
