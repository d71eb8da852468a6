//! WebSocket framing of the server side (RFC 6455), without I/O.
//!
//! No crate lets one frame be encoded once and joined with others into one write per tick, so the server frames for
//! itself: [`Decoder`] turns the bytes of one client into messages, the `push_*` functions append frames to a buffer, and
//! [`accept_key`] and [`upgrade_response`] answer the handshake.

mod decode;
mod encode;
mod handshake;
mod header;
mod mask;
mod message;
mod utf8;
mod violation;

pub use decode::Decoder;
pub use encode::{push_binary, push_close, push_ping, push_pong, push_text};
pub use handshake::{BadUpgrade, accept_key, upgrade_response};
pub(crate) use handshake::{asks_for_websocket, check_upgrade};
pub use message::Received;
pub use violation::Violation;
