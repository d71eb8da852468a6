//! The handle: what an application says to its connection.

use core::fmt;
use std::sync::Arc;

use bowline_client_core::{Command, CommandError, ConnectionState, Input, SavedPosition};
use bowline_proto::{ActivityStatus, Topic};
use tokio::sync::watch;

use crate::error::ConnectError;
use crate::inner::Acceptance;
use crate::shared::Shared;
use crate::streams::IncomingStream;

/// A connection that holds: it survives lost links, restarts of the gateway and planned handovers, and hands every
/// event to the application once and in order, or says what cannot be had.
///
/// Clones are handles of the same connection. When the last one is dropped, the socket is closed cleanly in the
/// background; [`close`](Self::close) waits for that. Every method may be called from any thread.
///
/// ```no_run
/// use bowline::{Connection, Incoming};
/// use futures_util::StreamExt;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = Connection::builder("wss://gateway.example/agent").token("…").connect()?;
/// connection.ready().await?;
/// let mut events = connection.events();
/// while let Some(item) = events.next().await {
///     match item {
///         Incoming::Event(event) => println!("{} {:?}", event.kind, event.topic),
///         Incoming::Gap(gap) => println!("lost between {} and {} of {}", gap.after, gap.before, gap.topic),
///         Incoming::Moved(_) | Incoming::Notice(_) => {}
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Connection {
    shared: Arc<Shared>,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Connection { shared }
    }

    /// Waits until the server has accepted the connection: at once when it has. Retries go on meanwhile, so this
    /// waits as long as they do; wrap it in a timeout of your own for less.
    ///
    /// # Errors
    /// [`ConnectError`] when the connection is over and no further attempt is made.
    pub async fn ready(&self) -> Result<(), ConnectError> {
        let mut acceptance = self.shared.acceptance();
        let known = acceptance.wait_for(|acceptance| *acceptance != Acceptance::Awaited).await;
        match known.as_deref() {
            Ok(Acceptance::Accepted) => Ok(()),
            Ok(Acceptance::Over(reason)) => Err(reason.clone().into()),
            Ok(Acceptance::Awaited | Acceptance::RuntimeGone) | Err(_) => Err(ConnectError::RuntimeGone),
        }
    }

    /// Everything for the application, in order. Each item goes to one stream; take from one, or from several that
    /// share the work.
    pub fn events(&self) -> IncomingStream {
        IncomingStream::new(self.shared.clone())
    }

    /// Where a reader stands who has dealt with everything that the streams have handed out: save it, and give it to
    /// [`resume_from`](crate::ConnectionBuilder::resume_from) after a restart.
    #[must_use]
    pub fn position(&self) -> SavedPosition {
        self.shared.position()
    }

    /// The connection's state, as a value and as something to wait on. A handover changes nothing in it. The channel
    /// closes when the runtime that drives the connection shuts down.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.shared.state()
    }

    /// Wants these topics, now and on every link to come; remembered while there is none. The server's answer comes as
    /// `Notice::SubscribeAck`.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn subscribe(&self, topics: impl IntoIterator<Item = Topic>) -> Result<(), CommandError> {
        self.command(Command::Subscribe(topics.into_iter().collect()))
    }

    /// Wants these topics no more.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn unsubscribe(&self, topics: impl IntoIterator<Item = Topic>) -> Result<(), CommandError> {
        self.command(Command::Unsubscribe(topics.into_iter().collect()))
    }

    /// Tells what this account is doing in a conversation. Say it as often as you like: repeated within 3 s it is not
    /// sent again, and while it lasts it is renewed every 5 s, until `Idle`.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn send_activity(
        &self,
        conversation: impl Into<Arc<str>>,
        status: ActivityStatus,
    ) -> Result<(), CommandError> {
        self.command(Command::SendActivity { conversation_id: conversation.into(), status })
    }

    /// Sends a text frame of the application's own. Kept in order while there is no link, up to the outbox's limits.
    ///
    /// # Errors
    /// [`CommandError::OutboxFull`] when too much waits already: try again when the connection is up.
    pub fn send(&self, text: impl Into<String>) -> Result<(), CommandError> {
        let text = text.into();
        self.shared.with(|inner| inner.send(text))
    }

    /// Moves to a new link now, without a pause, a loss or a change of state.
    ///
    /// # Errors
    /// [`CommandError::Closed`].
    pub fn hand_over(&self) -> Result<(), CommandError> {
        self.command(Command::HandOver)
    }

    /// Connects again after the connection was closed, by whomever. On a connection that is not closed it does nothing.
    ///
    /// # Errors
    /// [`CommandError::Closed`] when the runtime that drove the connection is gone.
    pub fn connect_again(&self) -> Result<(), CommandError> {
        self.command(Command::Connect)
    }

    /// Tells that the network is back (the machine woke up, the cable is in): a waiting retry starts at once.
    pub fn network_returned(&self) {
        self.shared.with(|inner| {
            inner.feed(Input::NetworkReturned);
            inner.wakers.call_driver();
        });
    }

    /// Closes the connection: cleanly, with a close frame, at the latest after the close deadline (5 s by default).
    /// Final at any moment, also while connecting; only [`connect_again`](Self::connect_again) leads out. What the
    /// streams have not handed out yet may still
    /// be taken.
    pub async fn close(&self) {
        let mut state = self.shared.state();
        self.start_close();
        let _ = state.wait_for(|state| matches!(state, ConnectionState::Closed(_))).await;
    }

    /// As [`close`](Self::close), for callers that do not wait.
    pub(crate) fn start_close(&self) {
        // Closed already, or the driver is gone: then there is nothing to do either.
        let _ = self.command(Command::Close);
    }

    fn command(&self, command: Command) -> Result<(), CommandError> {
        self.shared.with(|inner| inner.command(command))
    }
}

impl Clone for Connection {
    fn clone(&self) -> Self {
        self.shared.with(|inner| inner.add_handle());
        Connection { shared: self.shared.clone() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.with(|inner| inner.remove_handle());
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &*self.state().borrow()).finish_non_exhaustive()
    }
}
