//! What a run was, and whether it kept the delivery promise (wire protocol, section 7).
//!
//! A host (the simulator, or a stand of real processes) writes a [`History`]: what was published, what the log really
//! held, what every application was handed. [`check`] judges it, from the history alone.

mod checker;
mod history;
mod truth;

pub use checker::{Finding, check};
pub use history::{History, Publish, Reader, Seen, Violation};
pub use truth::{Life, Truth};
