//! What a caller may decide about an agent's socket.

use core::fmt;
use core::time::Duration;

use bowline_client_core::{ClientConfig, Jitter};

use crate::agent::life::Agent;
use crate::agent::socket::AgentSocket;
use crate::builder::ConnectionBuilder;
use crate::credential::{CredentialMode, TokenProvider};
use crate::dial::Dial;
use crate::error::BuildError;
use crate::tungstenite_dial::TungsteniteDial;

/// Builds an [`AgentSocket`]; made by [`AgentSocket::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct AgentSocketBuilder {
    connection: ConnectionBuilder,
}

impl AgentSocketBuilder {
    pub(crate) fn new(url: String) -> Self {
        let connection = ConnectionBuilder::new(url)
            .proactive_reconnect(PROACTIVE_RECONNECT)
            .backoff(BACKOFF_BASE, BACKOFF_CAP)
            .jitter(Jitter::None);
        AgentSocketBuilder { connection }
    }

    /// Who gives the access token: a text, an async closure, or a [`TokenProvider`]. Asked for every attempt and every
    /// handover. Default: nobody, the server wants no credential.
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.connection = self.connection.token(provider);
        self
    }

    /// How the token travels. Default [`CredentialMode::Header`]; servers that know only the plain layer want
    /// [`CredentialMode::UrlToken`].
    pub fn credential(mut self, mode: CredentialMode) -> Self {
        self.connection = self.connection.credential(mode);
        self
    }

    /// At which age a connection is replaced by a successor: exactly this. Default 1 h 50 min, because widespread API
    /// gateways cut at 2 h. A gateway that announces a shorter maximum is renewed before it.
    pub fn proactive_reconnect(mut self, age: Duration) -> Self {
        self.connection = self.connection.proactive_reconnect(age);
        self
    }

    /// The delay before the first retry, doubling up to `cap`. Default 1 s and 30 s. It starts over once a connection
    /// has been up for 10 s.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.connection = self.connection.backoff(base, cap);
        self
    }

    /// Whether the delays are spread. Default [`Jitter::None`]: exactly 1, 2, 4 … 30 s. With [`Jitter::Full`] each is a
    /// random part of that, which is kinder to a gateway that loses thousands of agents at once.
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.connection = self.connection.jitter(jitter);
        self
    }

    /// How many retries in a row may fail before the socket gives up; 0 is for ever. Default 0.
    pub fn max_reconnect_attempts(mut self, attempts: u32) -> Self {
        self.connection = self.connection.max_attempts(attempts);
        self
    }

    /// Who opens sockets: anything that carries text frames. Default: WebSocket over TCP and TLS.
    ///
    /// ```
    /// # use bowline::{AgentSocket, Dial, DialRequest, DialFailure, WebSocket, upgrade};
    /// /// WebSocket over a Unix socket.
    /// struct Local(std::path::PathBuf);
    ///
    /// impl Dial for Local {
    ///     type Socket = WebSocket<tokio::net::UnixStream>;
    ///
    ///     async fn dial(&self, request: DialRequest) -> Result<Self::Socket, DialFailure> {
    ///         let stream = tokio::net::UnixStream::connect(&self.0).await.map_err(|error| {
    ///             DialFailure::Temporary { retry_after: None, message: error.to_string() }
    ///         })?;
    ///         upgrade(&request, stream).await
    ///     }
    /// }
    ///
    /// let socket = AgentSocket::builder("ws://gateway").socket_factory(Local("/run/gateway".into())).build()?;
    /// # drop(socket);
    /// # Ok::<(), bowline::BuildError>(())
    /// ```
    pub fn socket_factory(mut self, dial: impl Dial) -> Self {
        self.connection = self.connection.dial(dial);
        self
    }

    /// How `wss` trusts: roots of your own or a whole TLS configuration. Default: what the system trusts.
    pub fn network(mut self, network: TungsteniteDial) -> Self {
        self.connection = self.connection.network(network);
        self
    }

    /// How much may wait for handlers: items, and bytes. Default 4096 and 8 MiB; beyond it the socket is not read until
    /// half has been told, and nothing is dropped.
    pub fn queue(mut self, items: usize, bytes: usize) -> Self {
        self.connection = self.connection.queue(items, bytes);
        self
    }

    /// Everything else about the connection's life: deadlines, keepalive (5 min on servers that announce no heartbeat),
    /// limits.
    pub fn configure(mut self, change: impl FnOnce(ClientConfig) -> ClientConfig) -> Self {
        self.connection = self.connection.configure(change);
        self
    }

    /// The socket, disconnected. Needs neither a network nor a runtime.
    ///
    /// # Errors
    /// [`BuildError`]: the URL cannot be used.
    pub fn build(self) -> Result<AgentSocket, BuildError> {
        self.connection.check()?;
        Ok(AgentSocket::new(Agent::new(self.connection)))
    }
}

impl fmt::Debug for AgentSocketBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSocketBuilder").field("connection", &self.connection).finish()
    }
}

/// Ten minutes before the two hours after which widespread API gateways cut a connection.
const PROACTIVE_RECONNECT: Duration = Duration::from_secs(110 * 60);
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_CAP: Duration = Duration::from_secs(30);
