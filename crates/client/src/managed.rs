//! Managed sockets: one client, many sockets, each of which keeps itself up and tells what happens through emitters.

mod client;
mod common;
mod failure;
mod life;
mod message;
mod options;
mod path;
mod pump;
mod registry;
mod socket;
mod sockets;
mod state;
mod trace;
mod watched_dial;

pub use client::{Client, ClientBuilder};
pub use failure::{OpenError, SendError, SocketError};
pub use message::MessageEvent;
pub use options::SocketOptions;
pub use socket::ManagedSocket;
pub use sockets::Sockets;
pub use state::SocketState;
