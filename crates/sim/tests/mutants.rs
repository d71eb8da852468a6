//! The checker sees every way in which a good history can be spoiled, and nothing in one that is not.

use bowline_history::{Campaign, good_history};
use bowline_sim::{Trace, run};

#[test]
fn a_thousand_mutants_of_recorded_and_made_up_histories_are_all_caught() {
    let mut campaign = Campaign::new(1_000, 1);
    for seed in 1..=6 {
        let outcome = run(seed, Trace::hashing());
        assert_eq!(outcome.violations, [], "seed {seed}");
        campaign.spoil(&format!("seed {seed}"), &outcome.history, 1);
    }
    for seed in 1..5_000 {
        if campaign.is_done() {
            break;
        }
        campaign.spoil(&format!("made-up history {seed}"), &good_history(seed), 1);
    }
    assert!(campaign.failures().is_empty(), "{}", campaign.failures().join("\n"));
    assert!(campaign.is_done() && campaign.made() >= 1_000, "some mutator finds no place to do harm");
}
