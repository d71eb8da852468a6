//! A shard: the sockets of some accounts, served by one thread.

mod connections;
mod flush;
mod host;
mod inbox;
mod intake;
mod orders;
mod pending;
mod reader;
mod run_frames;
mod socket;
mod thread;
mod tick;
mod writer;

pub(crate) use host::Surroundings;
pub(crate) use inbox::{Arrival, Inbox, Newcomer, NodeOrder};
pub(crate) use socket::Detached;
pub(crate) use thread::spawn;
