//! What can go wrong on an agent's socket, by blame.

use core::time::Duration;

use bowline_client_core::CommandError;
use bowline_proto::{Cursor, InvalidTopic, PayloadError};

use crate::emitter::HandlerPanic;
use crate::error::ConnectError;

/// Told to [`AgentSocket::on_error`](crate::AgentSocket::on_error). After all but [`Ended`](Self::Ended) the socket
/// goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// An event's payload does not fit its type. Handlers of the type were not called; the raw event went to `on_any`
    /// and `on_kind`, and to `events` as *other*.
    #[error("an event's payload does not fit: {0}")]
    Payload(PayloadError),
    /// The connection was lost, or an attempt failed; the next attempt follows.
    #[error("{cause}; attempt {attempt} follows in {delay:?}")]
    Lost {
        /// The attempt that follows, counted from 1 since the connection was last up for 10 s.
        attempt: u32,
        /// Until it starts.
        delay: Duration,
        /// What happened, for people.
        cause: String,
    },
    /// A planned handover did not succeed; the current connection stays, another try follows.
    #[error("a handover failed: {cause}")]
    HandoverFailed {
        /// What happened, for people.
        cause: String,
    },
    /// The server could not go on where the socket stood and did not say what was lost: events of any topic may be
    /// missing.
    #[error("events may be missing: the server could not go on after position {}", .after.seq)]
    Skipped {
        /// Everything up to here has been delivered.
        after: Cursor,
        /// Delivery goes on behind this; `None` on a server that knows no positions.
        now: Option<Cursor>,
    },
    /// The server did not understand or allow a frame.
    #[error("the server says {code}: {message}")]
    Server {
        /// Stable code, such as `RATE_LIMITED`.
        code: String,
        /// For people.
        message: String,
    },
    /// Something odd that mends itself, such as a frame that could not be read.
    #[error("{0}")]
    Trouble(String),
    /// A handler panicked. It stays subscribed, and the others were called.
    #[error(transparent)]
    Panicked(HandlerPanic),
    /// The connection is over and no further attempt is made; `connect` starts anew.
    #[error("the socket is disconnected: {0}")]
    Ended(ConnectError),
}

/// Topics cannot be subscribed to, or left. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// A text is not a topic.
    #[error("{topic:?} is not a topic: {why}")]
    Topic {
        /// The text, cut to 256 bytes.
        topic: String,
        /// Which rule it breaks.
        why: InvalidTopic,
    },
    /// Too many topics, or too much waits to be sent.
    #[error(transparent)]
    Refused(CommandError),
}
