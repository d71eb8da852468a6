//! Random operations on every store at once: each answers as the model does, which looks at every record.
//!
//! The same operations are what `tests/fuzz` lets a fuzzer choose.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../../tests/fuzz/src/choices.rs"]
#[allow(dead_code, reason = "each user makes its own choices")]
mod choices;
#[path = "../common/mod.rs"]
mod common;
mod ops;
mod run;

use proptest::prelude::*;

use choices::Choices;
use ops::Op;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_store_answers_as_the_model_does(bytes in prop::collection::vec(any::<u8>(), 1..500)) {
        let mut choices = Choices::new(&bytes);
        run::run(std::iter::from_fn(|| (!choices.are_used_up()).then(|| Op::choose(&mut choices))));
    }
}
