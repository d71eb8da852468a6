//! One gateway shard, without I/O: sessions, limits, takeover, grants, subscriptions, fan-out, replay, activity, drain.
//!
//! [`GatewayCore`] takes facts ([`Input`]) and gives orders ([`Output`]). Its laws: events come from the log's tail or from
//! reads of the log, never straight from a publish; every socket is a reader with a position, live or catching up; on one
//! socket events arrive in growing seq. Where to find what:
//!
//! | question | module |
//! |---|---|
//! | who gets in, which limit counts | `admission`, `takeover`, `acceptance` |
//! | who gets an event of the tail | `fanout`, `topics`, `memberships` |
//! | how a slow or returning reader catches up | `falling_behind`, `reading`, `read_queue` |
//! | what a grant or a revocation does | `rights`, `reconciling`, `accounts`, `recent_grants` |
//! | what a client may subscribe to, say or send | `subscriptions`, `activity`, `frames`, `frame_rate` |
//! | when a socket is pinged, dead, or asked to move | `liveness`, `drain`, `timers` |

mod acceptance;
mod accounts;
mod activities;
mod activity;
mod admission;
mod config;
mod connections;
mod drain;
mod falling_behind;
mod fanout;
mod frame_rate;
mod frames;
mod keys;
mod liveness;
mod memberships;
mod read_queue;
mod reading;
mod recent_grants;
mod reconciling;
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
