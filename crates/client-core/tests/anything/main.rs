//! Whatever comes in whatever order: no panic, no livelock, growing seqs, at most two links that are not retired, at most
//! one retry that waits, and no order for a link that is gone.
//!
//! The same steps are what `tests/fuzz` lets a fuzzer choose.

#[path = "../../../../tests/fuzz/src/choices.rs"]
#[allow(dead_code, reason = "each user makes its own choices")]
mod choices;
mod run;
mod steps;
#[path = "../support/mod.rs"]
mod support;

use proptest::prelude::*;

use choices::Choices;
use run::Run;
use steps::{Step, config};

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_facts_and_wishes_keeps_every_promise(
        bytes in prop::collection::vec(any::<u8>(), 1..600),
        seed in any::<u64>(),
    ) {
        let mut choices = Choices::new(&bytes);
        let mut run = Run::new(config(&mut choices), seed);
        while !choices.are_used_up() {
            run.step(Step::choose(&mut choices));
        }
    }
}
