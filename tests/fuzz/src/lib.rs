//! What is asserted of any bytes: the bodies of the fuzz targets.
//!
//! Each is a plain function over bytes that panics when a rule is broken. `fuzz/` hands them to libFuzzer, and
//! `tests/corpus.rs` runs them over everything in `corpus/`, everywhere. `run` does the fuzzing.

mod choices;
mod client_core_steps;
mod client_frames;
mod client_handshake;
mod client_socket;
mod damage;
mod gateway_core_steps;
mod gateway_frames;
mod gateway_handshake;
mod http_publish;
mod json_text;
#[path = "../../../crates/log/tests/common/mod.rs"]
mod log_common;
mod log_recovery;
mod log_steps;
mod rfc6455;
mod server_frames;
mod targets;
mod tickets;
mod tokens;
mod topics;
mod wire;

pub use client_core_steps::client_core_steps;
pub use client_frames::client_frames;
pub use client_handshake::client_handshake;
pub use client_socket::client_socket;
pub use gateway_core_steps::gateway_core_steps;
pub use gateway_frames::gateway_frames;
pub use gateway_handshake::gateway_handshake;
pub use http_publish::http_publish;
pub use log_recovery::log_recovery;
pub use log_steps::log_steps;
pub use server_frames::server_frames;
pub use targets::{TARGETS, Target};
pub use tickets::tickets;
pub use tokens::tokens;
pub use topics::topics;
