//! The agent's event socket: one connection of an account, with typed events.
//!
//! `socket` is what the application holds, `life` what it shares with `pump`, the one task that takes from the
//! connection and calls handlers; `hearing` knows who listens to what.

mod builder;
mod error;
mod hearing;
mod kinds;
mod life;
mod news;
mod pump;
mod socket;
mod state;
mod topics;
mod typed;

pub use builder::AgentSocketBuilder;
pub use error::{AgentError, SubscribeError};
pub use life::Disconnecting;
pub use news::{Subscribed, Unsubscribed};
pub use socket::AgentSocket;
pub use state::AgentState;
pub use typed::Typed;
