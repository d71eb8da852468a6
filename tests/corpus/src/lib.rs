//! Bad input (and its good neighbours) with the outcome that the rules of `docs/protocol.md` demand.
//!
//! Each kind is a file of `data/`, one case a line, written by `cargo run -p bowline-corpus` and committed. The files are read by
//! `crates/cli/tests/corpus`, and those of JSON frames by decoders in other languages.

mod arguments;
mod broken_json;
mod case;
mod client_frames;
mod client_texts;
mod configs;
mod cursor_files;
mod handshakes;
mod json_values;
mod kinds;
mod masked;
mod places;
mod requests;
mod server_frames;
mod tickets;
mod tokens;
mod topics;
mod typed_events;
mod ws_frames;

pub use case::Case;
pub use kinds::{KINDS, Kind};
