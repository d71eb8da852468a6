//! What many runs came to, in a form for people.

use core::time::Duration;

use crate::counters::{Counters, Rare};
use crate::world::Outcome;

/// The sum of many runs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    runs: u64,
    /// Virtual time of all worlds.
    time: Duration,
    /// Virtual time of all clients.
    client_time: Duration,
    events: u64,
    counters: Counters,
    failed: Vec<Failed>,
    /// The longest time from the last publish until everybody had everything.
    slowest: Duration,
}

#[derive(Clone, Debug)]
struct Failed {
    seed: u64,
    violations: usize,
    first: String,
}

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.time += outcome.lasted;
        self.client_time += outcome.lasted * u32::try_from(outcome.clients).unwrap_or(u32::MAX);
        self.events += outcome.events;
        self.counters.absorb(&outcome.counters);
        self.slowest = self.slowest.max(outcome.settled_after.unwrap_or_default());
        if let Some(first) = outcome.violations.first() {
            let first =
                format!("[{}] at {:.3} s: {}", first.rule, first.at.as_micros() as f64 / 1e6, first.detail);
            self.failed.push(Failed { seed: outcome.seed, violations: outcome.violations.len(), first });
        }
    }

    /// Adds what another summary holds.
    pub fn absorb(&mut self, other: &Summary) {
        self.runs += other.runs;
        self.time += other.time;
        self.client_time += other.client_time;
        self.events += other.events;
        self.counters.absorb(&other.counters);
        self.slowest = self.slowest.max(other.slowest);
        self.failed.extend_from_slice(&other.failed);
    }

    /// Seeds that broke a rule, in growing order, each with the first one.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failed: Vec<&Failed> = self.failed.iter().collect();
        failed.sort_by_key(|failed| failed.seed);
        failed
            .iter()
            .map(|failed| {
                format!("seed {}: {} violations, first {}", failed.seed, failed.violations, failed.first)
            })
            .collect()
    }

    /// Runs so far.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Whether every run kept every promise.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }

    /// How often `name` was reached.
    #[must_use]
    pub fn reached(&self, name: &str) -> u64 {
        self.counters.of(name)
    }

    /// The rare states that no run has reached, where there were enough runs to reach them all.
    #[must_use]
    pub fn unreached(&self) -> Vec<Rare> {
        let is_enough = self.runs >= RUNS_THAT_REACH_EVERYTHING;
        let never = |state: &Rare| is_enough && self.counters.reached(*state) == 0;
        Rare::ALL.into_iter().filter(never).collect()
    }

    /// How often a rare state was reached.
    #[must_use]
    pub fn reached_rare(&self, state: Rare) -> u64 {
        self.counters.reached(state)
    }

    /// One line: how far it is after `took` of real time.
    #[must_use]
    pub fn progress(&self, took: Duration) -> String {
        let hours = self.client_time.as_secs_f64() / 3_600.0;
        let seconds = took.as_secs_f64();
        format!(
            "{} seeds, {} broke a rule, {hours:.0} client-hours, {seconds:.0} s",
            self.runs,
            self.failed.len()
        )
    }

    /// The whole of it, after `took` of real time on `jobs` threads.
    #[must_use]
    pub fn text(&self, took: Duration, jobs: usize) -> String {
        let mut lines = Vec::new();
        lines.push("reached:".to_owned());
        lines.extend(self.counters.iter().map(|(name, n)| format!("  {n:>10}  {name}")));
        lines.push("rare states:".to_owned());
        lines.extend(
            Rare::ALL.map(|state| format!("  {:>10}  {}", self.counters.reached(state), state.name())),
        );
        lines.extend(self.unreached().into_iter().map(|state| format!("never reached: {}", state.name())));
        lines.extend(self.failures());
        let worked = (took.as_secs_f64() * jobs as f64).max(1e-9);
        lines.push(format!(
            "{} seeds, {} violations in {} of them; {:.1} client-hours, {:.1} world-hours, {} events",
            self.runs,
            self.failed.iter().map(|failed| failed.violations).sum::<usize>(),
            self.failed.len(),
            self.client_time.as_secs_f64() / 3_600.0,
            self.time.as_secs_f64() / 3_600.0,
            self.events,
        ));
        lines.push(format!(
            "{:.1} s on {jobs} threads: a world runs {:.0} times real time per thread, its clients {:.0} times",
            took.as_secs_f64(),
            self.time.as_secs_f64() / worked,
            self.client_time.as_secs_f64() / worked,
        ));
        lines.push(format!(
            "everybody had everything at most {:.0} s after the last publish",
            self.slowest.as_secs_f64()
        ));
        lines.join("\n")
    }
}

/// In so many runs every rare state is reached: one that is not has been lost.
const RUNS_THAT_REACH_EVERYTHING: u64 = 10_000;
