//! Which event types have a shape of their own, and how a payload becomes that shape and back.
//!
//! One struct per type of `docs/events.md`; a type that this version does not know is [`TypedEvent::Other`]. Members that it
//! does not know are ignored, and names that it does not know are kept.

pub mod account;
pub mod activity;
pub mod contact;
pub mod conversation;
mod error;
pub mod message;
mod object;
mod opaque;
mod open;
mod payload;
mod typed_event;
mod whole;

pub use error::PayloadError;
pub use object::Object;
pub use opaque::Opaque;
pub use payload::{EventPayload, KNOWN_KINDS};
pub use typed_event::TypedEvent;
