//! Fixed seeds keep every promise, and reach the states that are worth reaching.

use std::thread;

use bowline_sim::{Rare, Summary, Trace, run};

const SEEDS: u64 = 500;

#[test]
fn five_hundred_fixed_seeds_keep_the_delivery_promise_and_reach_every_rare_state() {
    let halves: Vec<Summary> = thread::scope(|scope| {
        let runners: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    let mut summary = Summary::default();
                    for seed in (1..=SEEDS).filter(|seed| seed % 2 == half) {
                        summary.add(&run(seed, Trace::hashing()));
                    }
                    summary
                })
            })
            .collect();
        runners.into_iter().map(|runner| runner.join().unwrap()).collect()
    });
    let failures: Vec<String> = halves.iter().flat_map(Summary::failures).collect();
    assert!(failures.is_empty(), "{} seeds broke a rule:\n{}", failures.len(), failures.join("\n"));
    for state in WORTH_REACHING {
        let reached: u64 = halves.iter().map(|half| half.reached(state)).sum();
        assert!(reached > 0, "no seed reached: {state}");
    }
    for state in Rare::ALL {
        let reached: u64 = halves.iter().map(|half| half.reached_rare(state)).sum();
        assert!(reached > 0, "no seed reached the rare state: {}", state.name());
    }
}

const WORTH_REACHING: &[&str] = &[
    "client: accepted again",
    "client: gaps",
    "client: handed over",
    "client: handovers failed",
    "client: reading paused",
    "client: starts from a saved position",
    "client: the link died during a handover",
    "client: topics changed",
    "fault: both links dead at once",
    "fault: gateway killed during a handover",
    "fault: half-open",
    "fault: power cut",
    "gateway: a socket blocked",
    "gateway: closed, silent",
    "gateway: closed, superseded",
    "gateway: died in the middle of a write",
    "gateway: drained and restarted",
    "gateway: resumed with a gap",
    "gateway: the tail overflowed",
    "log: a new epoch",
    "log: a repeated publish",
    "log: retention removed something",
];

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 2, 3] {
        let (first, second) = (run(seed, Trace::hashing()), run(seed, Trace::hashing()));
        assert_eq!(first.trace.hash(), second.trace.hash(), "seed {seed}");
        assert_ne!(first.trace.hash(), run(seed + 1, Trace::hashing()).trace.hash());
    }
}
