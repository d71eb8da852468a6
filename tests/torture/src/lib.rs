//! Real processes under `kill -9`, frozen networks and constant handovers, judged by one checker.
//!
//! The library is used by the tests of the command line at small scale and by this package's binary at full scale.

mod account;
mod all;
mod book;
mod cli_listener;
mod commit;
mod diary;
mod fault_proxy;
mod gateway;
mod half_open;
mod handover;
mod kill;
mod large_log;
mod listener;
mod proxy;
mod publisher;
mod random;
mod rounds;
mod stand;
mod step;
mod system;
mod tally;
mod truth;
mod verdict;

pub use all::{All, AllRun, Line, all};
pub use commit::{commit_of, repository};
pub use gateway::{Gateway, TortureError};
pub use half_open::{HalfOpen, half_open};
pub use handover::{HandoverRun, Handovers, handovers};
pub use kill::{KillRun, kills};
pub use large_log::{LargeLog, large_log};
pub use proxy::Proxy;
pub use tally::{Sum, TALLY, Tally};
