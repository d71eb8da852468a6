//! The committed outcomes speak of the bugs that there are, and each of them was killed in time.

use std::collections::BTreeSet;

use bowline_bugs::{Bug, RESULTS, Results, load_all, workspace_root};

/// What a bug may survive: more than this is a hole in the simulator.
const MOST_SEEDS: u64 = 5_000;

#[test]
fn every_bug_was_killed_within_five_thousand_seeds() {
    let root = workspace_root();
    let bugs = load_all(&root.join("tests/bugs/bugs")).unwrap();
    let results = Results::read(&root.join(RESULTS)).unwrap();
    let known: BTreeSet<String> = bugs.iter().map(Bug::path).collect();
    let noted: BTreeSet<String> = results.killed().keys().cloned().collect();
    let untried: Vec<&String> = known.difference(&noted).collect();
    assert!(
        untried.is_empty(),
        "try these: `cargo run --release -p bowline-bugs -- --write --only …` {untried:?}"
    );
    let gone: Vec<&String> = noted.difference(&known).collect();
    assert!(gone.is_empty(), "{RESULTS} speaks of bugs that are no more: {gone:?}");
    for (bug, kill) in results.killed() {
        assert!(kill.needed <= MOST_SEEDS, "{bug} took {} seeds", kill.needed);
    }
}
