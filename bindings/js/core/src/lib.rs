//! The client core for a JavaScript host: many connections in one WebAssembly instance, numbers and two buffers between them
//! and the host.
//!
//! The host calls, the core never calls out; so a host may call again from wherever it is told something. Every call that
//! takes a fact, a wish or time gives its orders back with its answer, all of them: nothing waits in here between two calls.
//! An event crosses as seven numbers and mostly comes back as one.

mod abi;
mod config;
mod connection;
mod cores;
mod facts;
mod frames;
mod json;
mod notices;
mod orders;
mod topics;
mod values;

/// Where the module's memory comes from: the standard allocator is an eighth of a module of this size.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

pub use abi::{
    core_answer, core_call, core_deadline, core_event, core_forget_topics, core_free, core_input, core_new,
    core_position, core_tells_copies, core_topic,
};
