//! The life of one Bowline connection, without I/O.
//!
//! [`ClientCore`] is told facts ([`Input`]), wishes ([`Command`]) and the time, and answers with orders ([`Output`]) and one
//! deadline. It owns every decision of a connection: backoff, handover, liveness, which event is new, which topics are
//! wanted, when an activity is said. Drivers own sockets, clocks and secrets.

mod activity;
mod approaching;
mod asking;
mod client_core;
mod config;
mod copies;
mod delivery;
mod dispatch;
mod ending;
mod gate;
mod handing_over;
mod link;
mod liveness;
mod losses;
mod outbox;
mod random;
mod reached;
mod renewal;
mod sorted;
mod streaming;
mod subscriptions;
mod timers;
mod verdict;
mod vocabulary;

pub use client_core::ClientCore;
pub use config::{ClientConfig, Jitter, RenewAfter};
pub use subscriptions::RESUME_TOPICS;
pub use timers::{Deadline, Timer};
pub use vocabulary::{
    CloseReason, Command, CommandError, ConnectionState, CredentialFailure, DialFailure, FetchId, Input,
    Layer, LinkId, MessageId, Notice, Occasion, Output, SavedPosition,
};
