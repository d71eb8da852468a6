//! Whatever happens to the log's stores in whatever order, beside the model, as their own random test has it.

#![allow(clippy::unwrap_used, reason = "a target fails by panicking")]

use crate::choices;
use crate::choices::Choices;
use crate::log_common as common;

#[path = "../../../crates/log/tests/model/ops.rs"]
mod ops;
#[path = "../../../crates/log/tests/model/run.rs"]
mod run;

use ops::Op;

/// Appends, reads, retention, kills and restarts.
pub fn log_steps(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    // The model looks at every record for every answer.
    let steps = std::iter::from_fn(|| (!choices.are_used_up()).then(|| Op::choose(&mut choices)));
    run::run(steps.take(60));
}
