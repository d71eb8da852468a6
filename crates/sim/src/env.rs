//! What every part of a world shares: the time, what is due, the record of what happened.

use core::time::Duration;
use std::collections::BinaryHeap;

use bowline_history::History;
use bowline_proto::{SessionId, Time, Timestamp};

use crate::counters::Counters;
use crate::event::{Due, Event};
use crate::messages::Messages;
use crate::rng::Rng;
use crate::trace::Trace;

/// The surroundings of the hosts.
#[derive(Debug)]
pub(crate) struct Env {
    /// Virtual time.
    pub(crate) now: Time,
    /// Randomness of the surroundings (delays, coin flips); hosts fork their own.
    pub(crate) rng: Rng,
    /// What is checked afterwards.
    pub(crate) history: History,
    /// Messages of the applications and which of them arrived.
    pub(crate) messages: Messages,
    /// Rare states reached.
    pub(crate) counters: Counters,
    /// What a person reads.
    pub(crate) trace: Trace,
    /// What the hostile have got hold of.
    pub(crate) loot: Loot,
    queue: BinaryHeap<Due>,
    ties: u64,
}

/// What somebody may have overheard.
#[derive(Debug, Default)]
pub(crate) struct Loot {
    /// Sessions of others; the latest ones.
    pub(crate) sessions: Vec<SessionId>,
    /// The last ticket that was shown.
    pub(crate) ticket: Option<u64>,
}

impl Env {
    pub(crate) fn new(rng: Rng, history: History, trace: Trace) -> Self {
        Env {
            now: Time::ZERO,
            rng,
            history,
            messages: Messages::default(),
            counters: Counters::default(),
            trace,
            loot: Loot::default(),
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

    /// The wall clock of a machine whose clock is right.
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
