//! One gateway shard, without I/O.

mod config;
mod shard;
mod vocabulary;

pub use config::ShardConfig;
pub use shard::GatewayCore;
pub use vocabulary::{ConnId, Hello, Input, Opening, Output, Shared, SocketKind, Stats, TopicFilter};
