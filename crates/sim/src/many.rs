//! Many seeds on all CPUs: each thread takes the next seed that nobody has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::plan::Plan;
use crate::trace::Trace;
use crate::world::{Outcome, run_plan};

/// What to do with each seed.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Threads.
    pub jobs: usize,
    /// Runs each seed twice: the second run must be the same as the first.
    pub twice: bool,
    /// Makes every world a large one.
    pub large: bool,
}

/// Runs the seeds `from` to `to`, both included, and tells `done` of each as it ends. `done` says whether to go on.
pub fn run_many((from, to): (u64, u64), manner: Manner, mut done: impl FnMut(Outcome) -> bool) {
    let next = AtomicU64::new(from);
    let (tell, hear) = mpsc::sync_channel(manner.jobs * 4);
    thread::scope(|scope| {
        for _ in 0..manner.jobs.max(1) {
            let (next, tell) = (&next, tell.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > to || tell.send(run_one(seed, manner)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        for outcome in &hear {
            if !done(outcome) {
                next.store(u64::MAX / 2, Ordering::Relaxed);
            }
        }
    });
}

fn run_one(seed: u64, manner: Manner) -> Outcome {
    let plan = if manner.large { Plan::large(seed) } else { Plan::of(seed) };
    let mut outcome = run_plan(plan.clone(), Trace::hashing());
    if manner.twice {
        let again = run_plan(plan, Trace::hashing());
        if again.trace.hash() != outcome.trace.hash() {
            outcome.differs(&again);
        }
    }
    outcome
}
