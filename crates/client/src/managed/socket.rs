//! The handle of a managed socket.

use core::fmt;
use std::sync::Arc;

use bowline_proto::Gap;

use crate::emitter::Emitter;
use crate::managed::failure::{SendError, SocketError};
use crate::managed::life::Life;
use crate::managed::message::MessageEvent;
use crate::managed::state::SocketState;

/// A socket that keeps itself up: it reconnects with backoff, moves to a fresh link before the network cuts the old
/// one, goes on where it stopped, and tells what happens through its emitters. Opened by [`Sockets`](crate::Sockets).
///
/// Clones are handles of the same socket. When the last one is dropped the socket closes as by [`close`](Self::close);
/// a handler that holds a clone keeps it open until it is closed or destroyed. Every method may be called from any
/// thread and from inside a handler; none of them blocks.
///
/// ```no_run
/// # async fn run(client: bowline::Client) -> Result<(), bowline::OpenError> {
/// let socket = client.websocket().connect_to_chat("thread-1").await?;
/// let messages = socket.on_message().subscribe(|message| println!("{}", message.data()));
/// let states = socket.on_state_change().subscribe(|state| println!("{state}"));
/// println!("{} {}", socket.state(), socket.is_open());
/// messages.unsubscribe();
/// socket.close();
/// socket.closed().await;
/// # drop(states); Ok(()) }
/// ```
///
/// # Which messages come
///
/// On a Bowline gateway: every event of the socket's topics behind the moment it was accepted, once and in order, also
/// across reconnects; what the gateway does not have any more is told by [`on_gap`](Self::on_gap). On other servers:
/// what arrives; copies that both links of a handover bring are dropped. Messages that come before
/// the first handler or stream of [`on_message`](Self::on_message) wait for it, the newest 1024 of them.
#[derive(Clone)]
pub struct ManagedSocket {
    handle: Arc<Handle>,
}

/// Closes the socket when the last handle is gone.
struct Handle {
    life: Arc<Life>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.life.close();
    }
}

impl ManagedSocket {
    pub(crate) fn new(life: Arc<Life>) -> Self {
        ManagedSocket { handle: Arc::new(Handle { life }) }
    }

    fn life(&self) -> &Life {
        &self.handle.life
    }

    /// The name that it was opened with; for a chat or a transcript, its path.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.life().label
    }

    /// Where the socket stands now. Inside a handler, the state that is being told, unless `close` was called since.
    #[must_use]
    pub fn state(&self) -> SocketState {
        self.life().state()
    }

    /// The server has accepted the socket and the link is up, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state() == SocketState::Open
    }

    /// What went wrong last; `None` when nothing has. On a socket that closed by itself it says why:
    /// [`SocketError::Ended`].
    #[must_use]
    pub fn last_error(&self) -> Option<SocketError> {
        self.life().last_error()
    }

    /// A frame arrived from the server.
    #[must_use]
    pub fn on_message(&self) -> &Emitter<MessageEvent> {
        &self.life().messages
    }

    /// The state changed. The last one is `Closed`.
    #[must_use]
    pub fn on_state_change(&self) -> &Emitter<SocketState> {
        &self.life().states
    }

    /// A reconnect attempt started: its number, from 1. The count starts over once the socket has been open for 10 s.
    #[must_use]
    pub fn on_reconnecting(&self) -> &Emitter<u32> {
        &self.life().reconnectings
    }

    /// Something went wrong on the socket: the link was lost, an attempt failed, the server refused, a handler
    /// panicked.
    #[must_use]
    pub fn on_error(&self) -> &Emitter<SocketError> {
        &self.life().errors
    }

    /// Events of one topic that cannot be had any more, told in their place among the messages. Never told for events
    /// that are only late.
    #[must_use]
    pub fn on_gap(&self) -> &Emitter<Gap> {
        &self.life().gaps
    }

    /// Sends a text frame. While there is no link it waits, in order, up to
    /// [`send_queue`](crate::SocketOptions::send_queue).
    ///
    /// # Errors
    /// [`SendError::QueueFull`] when too much waits, [`SendError::Closed`] once the socket is closing.
    pub fn send(&self, text: impl Into<String>) -> Result<(), SendError> {
        self.life().send(text.into())
    }

    /// Tells that the network is back (the machine woke up, the cable is in): a waiting reconnect attempt starts at
    /// once.
    pub fn network_returned(&self) {
        self.life().network_returned();
    }

    /// Closes for good: with a close frame, at the latest after 5 s, and without further reconnects. Returns at once;
    /// [`closed`](Self::closed) waits. Handlers are told `Closing` and `Closed`.
    pub fn close(&self) {
        self.life().close();
    }

    /// Waits until the socket is closed, by whomever, and every handler has been told. Do not wait for it inside a
    /// handler.
    pub async fn closed(&self) {
        self.life().closed().await;
    }

    /// [`close`](Self::close), and all listeners are gone at once: handlers are not called any more, streams end.
    pub fn destroy(&self) {
        self.life().destroy();
    }
}

impl fmt::Debug for ManagedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedSocket")
            .field("label", &self.label())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
