//! What every part of a world shares: the time, what is due, the record of what happened.

use core::time::Duration;
use std::collections::BinaryHeap;

use bowline_proto::{Time, Timestamp};

use crate::counters::Counters;
use crate::event::{Due, Event};
use crate::rng::Rng;
use crate::trace::Trace;
use bowline_history::History;

/// The surroundings of the hosts.
#[derive(Debug)]
pub(crate) struct Env {
    /// Virtual time.
    pub(crate) now: Time,
    /// Randomness of the surroundings (delays, coin flips); hosts fork their own.
    pub(crate) rng: Rng,
    /// What is checked afterwards.
    pub(crate) history: History,
    /// Rare states reached.
    pub(crate) counters: Counters,
    /// What a person reads.
    pub(crate) trace: Trace,
    queue: BinaryHeap<Due>,
    ties: u64,
}

impl Env {
    pub(crate) fn new(rng: Rng, history: History, trace: Trace) -> Self {
        Env {
            now: Time::ZERO,
            rng,
            history,
            counters: Counters::default(),
            trace,
            queue: BinaryHeap::new(),
            ties: 0,
        }
    }

    /// Makes `event` happen at `at`, never in the past.
    pub(crate) fn at(&mut self, at: Time, event: Event) {
        self.ties += 1;
        self.queue.push(Due { at: at.max(self.now), tie: self.ties, event });
    }

    /// Makes `event` happen after `delay`.
    pub(crate) fn after(&mut self, delay: Duration, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Moves time to the next event and returns it.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let due = self.queue.pop()?;
        self.now = due.at;
        Some(due.event)
    }

    /// The wall clock of the simulated machines.
    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp(WALL_ORIGIN_MS + self.now.as_micros() / 1_000)
    }

    /// Reports a broken rule.
    pub(crate) fn violate(&mut self, rule: &'static str, detail: String) {
        self.trace.say(self.now, format_args!("VIOLATION {rule}: {detail}"));
        self.history.violate(self.now, rule, detail);
    }
}

/// Virtual runs start at the first of January 2026.
const WALL_ORIGIN_MS: u64 = 1_767_225_600_000;
