//! Whatever happens in whatever order: nothing panics, and every reader gets exactly what it is owed.
//!
//! The rules that hold at each output stand in the harness: `connection.accepted` comes once and first, seqs grow, nothing
//! comes after a close, at most one read per socket is open, timers move on. The same operations are what `tests/fuzz`
//! lets a fuzzer choose.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../../tests/fuzz/src/choices.rs"]
#[allow(dead_code, reason = "each user makes its own choices")]
mod choices;
mod ops;
mod run;
#[path = "../support/mod.rs"]
mod support;

use proptest::prelude::*;

use choices::Choices;
use ops::Op;
use run::Run;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_reader_gets_exactly_what_it_is_owed(bytes in prop::collection::vec(any::<u8>(), 1..360)) {
        let mut choices = Choices::new(&bytes);
        let mut run = Run::new();
        while !choices.are_used_up() {
            run.step(Op::choose(&mut choices));
            run.check_limits();
        }
        run.settle();
        run.check_delivery();
    }
}
