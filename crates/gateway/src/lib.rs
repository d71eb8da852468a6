//! Bowline's gateway: an embeddable realtime server over a durable log.
//!
//! [`Gateway`] is the whole service: its own listener, HTTP API, WebSockets, shards on threads of their own. Inside
//! somebody else's axum app, [`Gateway::router`] is the way in. What a gateway decides about sessions, limits and
//! delivery is decided in `bowline-gateway-core`; here is what touches the world.

pub mod auth;
pub mod config;
pub mod http_head;
pub mod origin;
pub mod paths;
pub mod tls;
pub mod ws;

mod accept;
mod admission;
mod authorization;
mod bad_head;
mod builder;
mod clock;
mod farewell;
mod gateway;
mod handshake;
mod http;
mod ids;
mod journal;
mod limit;
mod listen;
mod metrics;
mod node;
mod percent;
mod problem;
mod problem_code;
mod publish;
mod rewind;
mod shard;
mod start_error;
mod upgrade_request;

pub use bowline_log::{IdempotencyKey, LogStore, NewEvent};
pub use builder::GatewayBuilder;
pub use gateway::{Gateway, NodeStats};
pub use publish::{PublishError, Published};
pub use start_error::StartError;
