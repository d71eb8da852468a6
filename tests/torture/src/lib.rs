//! Real processes under `kill -9`, frozen networks and constant handovers, judged by one checker.
//!
//! The library is used by the tests of the command line at small scale and by this package's binary at full scale.

mod account;
mod gateway;
mod half_open;
mod handover;
mod kill;
mod listener;
mod proxy;
mod publisher;
mod verdict;

pub use gateway::{Gateway, TortureError};
pub use half_open::{HalfOpen, half_open};
pub use handover::{HandoverRun, Handovers, handovers};
pub use kill::{KillRun, kills};
pub use proxy::Proxy;
