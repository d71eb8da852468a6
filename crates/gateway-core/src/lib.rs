//! One gateway shard, without I/O.

mod acceptance;
mod accounts;
mod activities;
mod activity;
mod admission;
mod config;
mod connections;
mod drain;
mod fanout;
mod frame_rate;
mod frames;
mod keys;
mod liveness;
mod memberships;
mod read_queue;
mod reading;
mod recent_grants;
mod rights;
mod sessions;
mod shard;
mod subscriptions;
mod takeover;
mod timers;
mod topics;
mod vocabulary;

pub use config::ShardConfig;
pub use shard::GatewayCore;
pub use vocabulary::{ConnId, Hello, Input, Opening, Output, Shared, SocketKind, Stats, TopicFilter};
