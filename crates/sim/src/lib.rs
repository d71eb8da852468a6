//! Both cores and the log in virtual time, broken around in every way that a seed can think of, and the checker of the
//! delivery promise.
//!
//! ```
//! use bowline_sim::{Trace, run};
//!
//! let outcome = run(1, Trace::hashing());
//! assert_eq!(outcome.violations, []);
//! ```

mod app;
mod client_host;
mod counters;
mod disk;
mod env;
mod event;
mod gateway_host;
mod log_process;
mod manners;
mod network;
mod plan;
mod publisher;
mod report;
mod rng;
mod trace;
mod wishes;
mod world;

pub use counters::{Counters, Rare};
pub use disk::SimDisk;
pub use report::Summary;
pub use rng::Rng;
pub use trace::Trace;
pub use world::{Outcome, run};
