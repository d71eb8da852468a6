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
mod hostile;
mod log_process;
mod manners;
mod many;
mod messages;
mod network;
mod plan;
mod publisher;
mod report;
mod rng;
mod shrink;
mod stranger;
mod trace;
mod wishes;
mod world;

pub use counters::{Counters, Rare};
pub use disk::SimDisk;
pub use many::{Manner, run_many};
pub use plan::{FAULTS, Plan};
pub use report::Summary;
pub use rng::Rng;
pub use shrink::{Shrunk, shrink};
pub use trace::Trace;
pub use world::{Outcome, run, run_plan};
