//! What a run was, and whether it kept the delivery promise (wire protocol, section 7).
//!
//! A host (the simulator, or a stand of real processes) writes a [`History`]: what was published, what the log really
//! held, what every application was handed; the module of `History` says how. [`check`] judges it, from the history alone:
//! each rule of [`rules`] is a sentence of the promise. The
//! [`MUTATORS`] prove it: they spoil good histories, and it must notice each time. The crate knows the protocol's words (`bowline-proto`) and not a
//! line of the code that it judges.

mod chain;
mod checker;
mod dice;
mod digest;
mod finding;
mod generator;
mod history;
mod mutants;
mod publishes;
pub mod rules;
mod sight;
mod truth;
mod walk;

pub use checker::check;
pub use dice::Dice;
pub use digest::Digest;
pub use finding::Finding;
pub use generator::good_history;
pub use history::{Attempt, History, Moment, Publish, PublishName, Reader, Seen, Violation};
pub use mutants::{Campaign, MUTATORS, Mutator, Tally, Verdict};
pub use truth::{Life, Truth};
