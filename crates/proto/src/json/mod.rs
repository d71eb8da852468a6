//! How frames are written as JSON text and read back: both ways, without I/O, never panicking on a peer's bytes.
//!
//! Where the text is odd, the outcome is that of a JavaScript reader: the last of two members with the same name counts, a
//! position is a number whatever its spelling, a payload is kept as it came. `tests/vectors/frames.json` pins it.

mod check;
mod decode_client;
mod decode_server;
mod digest;
mod encode_event;
mod encode_frame;
mod error;
mod frame_decoder;
mod members;
mod scan;
mod write;

pub use check::check_json;
pub use decode_client::decode_client_frame;
pub use decode_server::decode_server_frame;
pub use encode_event::{encode_event, encode_signal};
pub use encode_frame::{encode_client_frame, encode_server_frame};
pub use error::DecodeError;
pub use frame_decoder::FrameDecoder;
