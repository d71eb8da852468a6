//! What a caller may decide about one managed socket, and what is decided when the caller says nothing.

use core::fmt;
use core::time::Duration;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bowline_client_core::{Jitter, RenewAfter};

use crate::builder::ConnectionBuilder;

/// Where the debug trace goes.
pub(crate) type TraceWriter = Arc<Mutex<dyn Write + Send>>;

/// How one socket reconnects, queues and traces.
///
/// ```
/// use std::time::Duration;
///
/// let options = bowline::SocketOptions::new()
///     .reconnect_delay(Duration::from_millis(1000))
///     .max_reconnect_attempts(10) // 0: for ever
///     .debug(true);
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct SocketOptions {
    reconnect_delay: Duration,
    max_reconnect_attempts: u32,
    jitter: Jitter,
    proactive_reconnect: RenewAfter,
    receive_items: usize,
    receive_bytes: usize,
    send_messages: usize,
    send_bytes: usize,
    trace: Option<TraceWriter>,
}

impl SocketOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        SocketOptions {
            reconnect_delay: Duration::from_secs(1),
            max_reconnect_attempts: 10,
            jitter: Jitter::None,
            proactive_reconnect: RenewAfter::About(Duration::from_secs(110 * 60)),
            receive_items: 4096,
            receive_bytes: 8 * 1024 * 1024,
            send_messages: 1024,
            send_bytes: 1024 * 1024,
            trace: None,
        }
    }

    /// The delay before the first reconnect attempt; it doubles with every further one, up to 30 s (or to itself, if it
    /// is longer). Default 1 s, exact. More is kinder to a server that restarts, less is back sooner. The delays start
    /// over once the socket has been open for 10 s.
    #[must_use]
    pub fn reconnect_delay(mut self, delay: Duration) -> Self {
        self.reconnect_delay = delay;
        self
    }

    /// How many reconnect attempts in a row may fail before the socket closes for good; 0 is for ever. Default 10, which
    /// is about three minutes of trying. More rides out longer outages, fewer tells the user sooner.
    #[must_use]
    pub fn max_reconnect_attempts(mut self, attempts: u32) -> Self {
        self.max_reconnect_attempts = attempts;
        self
    }

    /// Writes a readable trace of states and frames to stderr. Default off. It shows types, topics, positions and sizes;
    /// never a token, a ticket, a session id or a payload.
    #[must_use]
    pub fn debug(mut self, on: bool) -> Self {
        self.trace = on.then(|| Arc::new(Mutex::new(io::stderr())) as TraceWriter);
        self
    }

    /// Writes the trace of [`debug`](Self::debug) elsewhere, a line at a time. Write errors are ignored; the socket's
    /// task does the writing, so it should not block for long.
    #[must_use]
    pub fn debug_to(mut self, writer: impl Write + Send + 'static) -> Self {
        self.trace = Some(Arc::new(Mutex::new(writer)));
        self
    }

    /// Whether reconnect delays are spread at random. Default [`Jitter::None`]: the delays are exact. With
    /// [`Jitter::Full`] the clients of a server that restarts do not all come back in the same moment.
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// When the link is replaced by a fresh one without a pause, so that the network never cuts it. Default about 110
    /// minutes (up to 5 % earlier), because widespread API gateways cut at 120. Less costs more handovers; with
    /// [`RenewAfter::Never`] only a server that drains causes one.
    #[must_use]
    pub fn proactive_reconnect(mut self, when: RenewAfter) -> Self {
        self.proactive_reconnect = when;
        self
    }

    /// How much received may wait for handlers: frames, and bytes. Default 4096 and 8 MiB. When either is reached the
    /// socket is not read until half is done: nothing is dropped, the server is slowed down. More rides out slower
    /// handlers.
    #[must_use]
    pub fn receive_queue(mut self, frames: usize, bytes: usize) -> Self {
        self.receive_items = frames;
        self.receive_bytes = bytes;
        self
    }

    /// How much sent may wait while there is no link, or while the link does not take it: messages, and bytes. Default
    /// 1024 and 1 MiB. Above it [`send`](crate::ManagedSocket::send) is refused; nothing older is dropped.
    #[must_use]
    pub fn send_queue(mut self, messages: usize, bytes: usize) -> Self {
        self.send_messages = messages;
        self.send_bytes = bytes;
        self
    }

    pub(crate) fn trace(&self) -> Option<TraceWriter> {
        self.trace.clone()
    }

    pub(crate) fn apply(&self, builder: ConnectionBuilder) -> ConnectionBuilder {
        let cap = self.reconnect_delay.max(LONGEST_DELAY);
        builder
            .backoff(self.reconnect_delay, cap)
            .max_attempts(self.max_reconnect_attempts)
            .jitter(self.jitter)
            .queue(self.receive_items, self.receive_bytes)
            .unsent(self.send_messages, self.send_bytes)
            .configure(|config| {
                config
                    .renew_after(self.proactive_reconnect)
                    .outbox_messages(self.send_messages)
                    .outbox_bytes(self.send_bytes)
            })
    }
}

/// Where doubling ends, as the documents of the sockets that this one takes the place of have it.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

impl Default for SocketOptions {
    fn default() -> Self {
        SocketOptions::new()
    }
}

impl fmt::Debug for SocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketOptions")
            .field("reconnect_delay", &self.reconnect_delay)
            .field("max_reconnect_attempts", &self.max_reconnect_attempts)
            .field("jitter", &self.jitter)
            .field("proactive_reconnect", &self.proactive_reconnect)
            .field("debug", &self.trace.is_some())
            .finish_non_exhaustive()
    }
}
