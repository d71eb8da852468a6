//! What a caller may decide about a connection before it starts.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bowline_client_core::{
    ClientConfig, ClientCore, Command, CommandError, ConnectionState, Jitter, RenewAfter, SavedPosition,
};
use bowline_proto::{Limits, Time, Topic};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

use crate::connection::Connection;
use crate::credential::{CredentialMode, ErasedTokenProvider, TokenProvider};
use crate::dial::{Dial, ErasedDial};
use crate::dialer::Dialer;
use crate::driver::Driver;
use crate::endpoint::Endpoint;
use crate::error::BuildError;
use crate::inner::{Acceptance, Backlog, Inner};
use crate::queue::Queue;
use crate::shared::Shared;
use crate::ticket::TicketNote;
use crate::tungstenite_dial::TungsteniteDial;

/// Builds a [`Connection`]; made by [`Connection::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect` is called"]
pub struct ConnectionBuilder {
    url: String,
    tokens: Option<Arc<dyn ErasedTokenProvider>>,
    mode: CredentialMode,
    /// `None`: `network`.
    dial: Option<Arc<dyn ErasedDial>>,
    network: Arc<TungsteniteDial>,
    /// Hears why the last ticket could not be bought, where somebody wants to know.
    ticket_note: Option<TicketNote>,
    config: ClientConfig,
    saved: Option<SavedPosition>,
    topics: Vec<Topic>,
    queue_items: usize,
    queue_bytes: usize,
    unsent: Backlog,
    limits: Limits,
}

impl Connection {
    /// Starts to describe a connection to `url`: `ws`, `wss`, `http` or `https`, with the path of the socket.
    pub fn builder(url: impl Into<String>) -> ConnectionBuilder {
        ConnectionBuilder::new(url.into())
    }
}

impl ConnectionBuilder {
    pub(crate) fn new(url: String) -> Self {
        ConnectionBuilder {
            url,
            tokens: None,
            mode: CredentialMode::default(),
            dial: None,
            network: Arc::new(TungsteniteDial::new()),
            ticket_note: None,
            config: ClientConfig::new(),
            saved: None,
            topics: Vec::new(),
            queue_items: DEFAULT_QUEUE_ITEMS,
            queue_bytes: DEFAULT_QUEUE_BYTES,
            unsent: Backlog { frames: DEFAULT_UNSENT_FRAMES, bytes: DEFAULT_UNSENT_BYTES },
            limits: Limits { message_bytes: DEFAULT_MESSAGE_BYTES, ..Limits::default() },
        }
    }

    /// Who gives the access token: a text, an async closure, or a [`TokenProvider`]. Asked once per attempt. Default:
    /// nobody, the server wants no credential.
    pub fn token(mut self, provider: impl TokenProvider) -> Self {
        self.tokens = Some(Arc::new(provider));
        self
    }

    /// How the token travels. Default [`CredentialMode::Header`].
    pub fn credential(mut self, mode: CredentialMode) -> Self {
        self.mode = mode;
        self
    }

    /// Goes on from a saved [`position`](Connection::position), also of a process that was killed: everything behind it
    /// comes, or is reported as a gap. Default: the first link starts at the gateway's newest event.
    pub fn resume_from(mut self, position: SavedPosition) -> Self {
        self.saved = Some(position);
        self
    }

    /// Wants these topics beyond the socket's own, from the first link on. May be called several times.
    pub fn subscribe(mut self, topics: impl IntoIterator<Item = Topic>) -> Self {
        self.topics.extend(topics);
        self
    }

    /// Replaces each link by a successor at exactly this age, without a pause, a loss or a change of state. Default:
    /// about 110 min (up to 5 % earlier at random), because widespread API gateways cut at 120.
    pub fn proactive_reconnect(mut self, age: Duration) -> Self {
        self.config = self.config.renew_after(RenewAfter::Exactly(age));
        self
    }

    /// The delay before the first retry, doubling up to `cap`. Default 1 s and 30 s. More is kinder to a gateway that
    /// restarts, less is back sooner.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.config = self.config.backoff_base(base).backoff_cap(cap);
        self
    }

    /// Whether delays are spread. Default [`Jitter::Full`]; without it every client of a lost gateway returns at once.
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.config = self.config.jitter(jitter);
        self
    }

    /// How many retries in a row may fail before the connection gives up; 0 is for ever. Default 0.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.config = self.config.max_attempts(attempts);
        self
    }

    /// How much may wait for the application: items, and bytes (of which each item counts its text and 256). Default
    /// 4096 and 8 MiB. When either is reached, sockets are not read until half has been taken: nothing is dropped,
    /// TCP slows the server down. More rides out longer pauses of the application.
    pub fn queue(mut self, items: usize, bytes: usize) -> Self {
        self.queue_items = items;
        self.queue_bytes = bytes;
        self
    }

    /// How much may wait to be written to sockets that do not take it: frames, and bytes. Default 1024 and 1 MiB. Above
    /// it, whatever would send more is refused with [`CommandError::OutboxFull`].
    pub fn unsent(mut self, frames: usize, bytes: usize) -> Self {
        self.unsent = Backlog { frames, bytes };
        self
    }

    /// The longest message that a server may send, in bytes. Default 1 MiB. A longer one costs the link, so less than
    /// the server's own limit keeps the connection from getting past such an event.
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.limits.message_bytes = bytes;
        self
    }

    /// Everything else about the connection's life: deadlines, keepalive, outbox, limits.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let builder = bowline::Connection::builder("ws://127.0.0.1:8787/agent")
    ///     .configure(|config| config.dial_deadline(Duration::from_secs(3)));
    /// # let _ = builder;
    /// ```
    pub fn configure(mut self, change: impl FnOnce(ClientConfig) -> ClientConfig) -> Self {
        self.config = change(self.config);
        self
    }

    /// How `wss` trusts: roots of your own or a whole TLS configuration. Also used to buy tickets, whatever
    /// [`dial`](Self::dial) says. Default: what the system trusts.
    pub fn network(mut self, network: TungsteniteDial) -> Self {
        self.network = Arc::new(network);
        self
    }

    /// Who opens sockets. Default: the [`network`](Self::network).
    pub fn dial(mut self, dial: impl Dial) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }

    /// Whether the URL can be used at all: what needs neither a runtime nor a network.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        Endpoint::parse(&self.url).map(drop)
    }

    /// What connections of one client have in common: who gives tokens, and the network with its trusted roots.
    pub(crate) fn shared(
        mut self,
        tokens: Option<Arc<dyn ErasedTokenProvider>>,
        network: Arc<TungsteniteDial>,
        ticket_note: TicketNote,
    ) -> Self {
        self.tokens = tokens;
        self.network = network;
        self.ticket_note = Some(ticket_note);
        self
    }

    /// Starts the connection: one task of the current runtime, which connects by itself and keeps the connection up
    /// until it is closed or the last handle is dropped. Returns at once; [`Connection::ready`] waits for the server.
    ///
    /// # Errors
    /// [`BuildError`]: what was given cannot be used. Nothing of the network is an error here.
    pub fn connect(self) -> Result<Connection, BuildError> {
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let endpoint = Arc::new(Endpoint::parse(&self.url)?);
        let network = self.network;
        let dialer = Dialer {
            endpoint: endpoint.clone(),
            tokens: self.tokens,
            mode: self.mode,
            dial: self.dial.unwrap_or_else(|| network.clone()),
            network,
            ticket_note: self.ticket_note,
            message_bytes: self.limits.message_bytes,
        };

        let start = self.saved.as_ref().and_then(|saved| saved.cursor);
        let config = match self.saved {
            Some(saved) => self.config.resume_from(saved),
            None => self.config,
        };
        let core = ClientCore::new(config, seed()?, Time::ZERO);
        let (state, state_watch) = watch::channel(ConnectionState::Idle);
        let (acceptance, acceptance_watch) = watch::channel(Acceptance::Awaited);
        let queue = Queue::new(self.queue_items, self.queue_bytes, start);
        let mut inner = Inner::new(core, Instant::now(), queue, self.unsent, state, acceptance);
        inner.command(Command::Connect).map_err(refused)?;
        if !self.topics.is_empty() {
            inner.command(Command::Subscribe(self.topics)).map_err(refused)?;
        }

        let shared = Arc::new(Shared::new(inner, state_watch, acceptance_watch));
        let driver = Driver::new(shared.clone(), dialer, self.limits);
        let span = tracing::info_span!("connection", host = endpoint.host(), path = endpoint.path());
        runtime.spawn(driver.instrument(span));
        Ok(Connection::new(shared))
    }
}

impl fmt::Debug for ConnectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a credential.
        f.debug_struct("ConnectionBuilder").field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Items that wait for the application: two seconds of a busy connection.
const DEFAULT_QUEUE_ITEMS: usize = 4096;
/// Bytes that wait for the application: the items at an ample 2 KiB each.
const DEFAULT_QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Frames that wait for sockets: as many as the core's outbox holds without a link.
const DEFAULT_UNSENT_FRAMES: usize = 1024;
/// Bytes that wait for sockets: likewise.
const DEFAULT_UNSENT_BYTES: usize = 1024 * 1024;
/// Sixteen times what a gateway takes in one publish, so that a plain server's larger frames pass as well.
const DEFAULT_MESSAGE_BYTES: usize = 1024 * 1024;

/// The core's randomness: its jitter must differ between processes that start together.
fn seed() -> Result<u64, BuildError> {
    getrandom::u64().map_err(|error| BuildError::NoRandomness { why: error.to_string() })
}

fn refused(error: CommandError) -> BuildError {
    match error {
        CommandError::TooManySubscriptions { limit } => BuildError::TooManyTopics { limit },
        other => BuildError::Refused(other),
    }
}
