//! One gateway shard, without I/O.

mod vocabulary;

pub use vocabulary::{ConnId, Hello, Input, Opening, Output, Shared, SocketKind, Stats, TopicFilter};
