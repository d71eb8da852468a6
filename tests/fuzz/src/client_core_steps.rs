//! Whatever comes to a client core in whatever order, as its own random test has it.

use crate::choices;
use crate::choices::Choices;

#[path = "../../../crates/client-core/tests/anything/run.rs"]
mod run;
#[path = "../../../crates/client-core/tests/anything/steps.rs"]
mod steps;
#[path = "../../../crates/client-core/tests/support/mod.rs"]
mod support;

use run::Run;
use steps::{Step, config};

/// A configuration, a seed, and steps.
pub fn client_core_steps(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let config = config(&mut choices);
    let seed = u64::from(choices.byte());
    let mut run = Run::new(config, seed);
    // A step takes a byte at least, and a run that grows has nothing new to say.
    for _ in 0..1000 {
        if choices.are_used_up() {
            break;
        }
        run.step(Step::choose(&mut choices));
    }
}
