//! Stub.

pub mod auth;
pub mod config;
pub mod http_head;
pub mod origin;
pub mod paths;
mod percent;
pub mod tls;
pub mod ws;
