//! Fixed seeds and plans keep every promise, and reach the states that are worth reaching.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use bowline_sim::{FAULTS, Manner, Plan, Rare, Summary, Trace, run_many, run_plan};

const SEEDS: u64 = 500;

/// All fixed seeds, run once for all tests of this file.
fn fixed() -> &'static Summary {
    static FIXED: OnceLock<Summary> = OnceLock::new();
    FIXED.get_or_init(|| {
        let jobs = thread::available_parallelism().map_or(2, usize::from);
        let mut summary = Summary::default();
        run_many((1, SEEDS), Manner { jobs, twice: false, large: false }, |outcome| {
            summary.add(&outcome);
            true
        });
        summary
    })
}

#[test]
fn five_hundred_fixed_seeds_keep_the_delivery_promise() {
    let failures = fixed().failures();
    assert!(failures.is_empty(), "{} seeds broke a rule:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(fixed().runs(), SEEDS);
}

#[test]
fn every_fault_strikes() {
    let never: Vec<&str> = FAULTS.iter().copied().filter(|fault| fixed().reached(fault) == 0).collect();
    assert!(never.is_empty(), "no seed has: {never:?}");
}

#[test]
fn what_is_worth_reaching_is_reached() {
    let never: Vec<&str> =
        WORTH_REACHING.iter().copied().filter(|state| fixed().reached(state) == 0).collect();
    assert!(never.is_empty(), "no seed reached: {never:?}");
}

#[test]
fn every_rare_state_is_reached() {
    let never: Vec<&str> = Rare::ALL
        .iter()
        .filter(|state| fixed().reached_rare(**state) == 0)
        .map(|state| state.name())
        .collect();
    assert!(never.is_empty(), "no seed reached: {never:?}");
}

const WORTH_REACHING: &[&str] = &[
    "client: a feed is followed",
    "client: accepted again",
    "client: closed, rejected",
    "client: connects again after a terminal close",
    "client: gaps",
    "client: handed over",
    "client: handovers failed",
    "client: messages given back",
    "client: messages sent",
    "client: reading paused",
    "client: starts from a saved position",
    "client: the link died during a handover",
    "client: topics changed",
    "fault: both links dead at once",
    "fault: gateway killed during a handover",
    "fault: half-open",
    "gateway: a bad frame of a hostile peer",
    "gateway: a socket blocked",
    "gateway: a ticket was unknown or used before",
    "gateway: a ticket was used",
    "gateway: a token was too old",
    "gateway: closed, silent",
    "gateway: closed, superseded",
    "gateway: closed, too old",
    "gateway: died in the middle of a write",
    "gateway: died while it opened its log",
    "gateway: drained and restarted",
    "gateway: its log failed",
    "gateway: resumed with a gap",
    "hostile: resumes with a session of another",
    "hostile: resumes with a wild cursor",
    "log: a new epoch",
    "log: a repeated publish",
    "log: a sync failed while it opened",
    "log: retention removed something",
    "log: too full to open",
    "stranger: accepted",
    "stranger: gaps",
];

#[test]
fn what_broke_once_keeps_the_promise_now() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut plans = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "plan") {
            continue;
        }
        plans += 1;
        let plan = Plan::from_text(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(run_plan(plan, Trace::hashing()).violations, [], "{}", path.display());
    }
    assert!(plans > 0, "there are plans to run");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut hashes = Vec::new();
    run_many((1, 40), Manner { jobs: 2, twice: true, large: false }, |outcome| {
        assert!(outcome.violations.iter().all(|violation| violation.rule != "one seed, one run"));
        hashes.push(outcome.trace.hash());
        true
    });
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 40, "each seed is another run");
}
