//! Whatever happens to a shard in whatever order, as its own random test has it.

#![allow(clippy::unwrap_used, reason = "a target fails by panicking")]

use crate::choices;
use crate::choices::Choices;

#[path = "../../../crates/gateway-core/tests/any_order/ops.rs"]
mod ops;
#[path = "../../../crates/gateway-core/tests/any_order/run.rs"]
mod run;
#[path = "../../../crates/gateway-core/tests/support/mod.rs"]
mod support;

use ops::Op;
use run::Run;

/// What happens to a shard until the bytes end; then everything comes to rest.
pub fn gateway_core_steps(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut run = Run::new();
    for _ in 0..400 {
        if choices.are_used_up() {
            break;
        }
        run.step(Op::choose(&mut choices));
        run.check_limits();
    }
    run.settle();
    run.check_delivery();
}
