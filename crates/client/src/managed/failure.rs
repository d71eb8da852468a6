//! What can go wrong with managed sockets: while one is opened, while it lives, when it sends.

use core::time::Duration;

use bowline_client_core::CommandError;
use bowline_proto::Cursor;

use crate::emitter::HandlerPanic;
use crate::error::{BuildError, ConnectError};
use crate::ticket::TicketError;

/// A socket could not be opened, and trying again by itself would not help. What may pass (no network, a server that
/// restarts) is not an error here: the socket is returned and keeps trying.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The path, an id or the options cannot be used, or there is no tokio runtime.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The first ticket cannot be had.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The connection was over before its first dial, for another reason.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// What went wrong on a socket: what `on_error` tells.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The link was lost or an attempt failed; another attempt follows.
    #[error("{cause}; reconnect attempt {attempt} follows in {delay:?}")]
    Interrupted {
        /// What happened, for people.
        cause: String,
        /// The attempt that follows, from 1.
        attempt: u32,
        /// Until it starts.
        delay: Duration,
    },
    /// The socket is over and will not try again: rejected, refused, or the attempts are exhausted. The last error of
    /// a socket that was not closed by its owner.
    #[error(transparent)]
    Ended(ConnectError),
    /// The server could not go on where the socket stood and did not say what was lost: events of any topic may be
    /// missing behind `after`. Losses that the server can name come through `on_gap`.
    #[error("events behind {} may be missing", after.seq.get())]
    Skipped {
        /// Everything up to here has been delivered.
        after: Cursor,
    },
    /// The server did not understand or allow a frame of this socket.
    #[error("the server reports {code}: {message}")]
    Server {
        /// Stable code.
        code: String,
        /// For people.
        message: String,
    },
    /// Something that the socket recovers from by itself.
    #[error("{message}")]
    Trouble {
        /// For people.
        message: String,
    },
    /// A handler panicked.
    #[error(transparent)]
    HandlerPanicked(#[from] HandlerPanic),
}

/// A text was not taken for sending. Nothing of it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// As much waits as [`send_queue`](crate::SocketOptions::send_queue) allows.
    #[error(
        "the send queue is full ({messages} messages, {bytes} bytes wait): try again when the socket is open, or allow \
         more with `send_queue`"
    )]
    QueueFull {
        /// Messages that wait.
        messages: usize,
        /// Bytes that wait.
        bytes: usize,
    },
    /// The socket is closed or closing.
    #[error("the socket is closed: open a new one")]
    Closed,
}

impl From<CommandError> for SendError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::OutboxFull { messages, bytes } => SendError::QueueFull { messages, bytes },
            _ => SendError::Closed,
        }
    }
}
