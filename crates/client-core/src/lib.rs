//! The life of one Bowline connection, without I/O.

mod client_core;
mod config;
mod subscriptions;
mod timers;
mod vocabulary;

pub use client_core::ClientCore;
pub use config::{ClientConfig, Jitter, RenewAfter};
pub use subscriptions::RESUME_TOPICS;
pub use timers::{Deadline, Timer};
pub use vocabulary::{
    CloseReason, Command, CommandError, ConnectionState, CredentialFailure, DialFailure, FetchId, Input,
    Layer, LinkId, MessageId, Notice, Occasion, Output, SavedPosition,
};
