//! Who opens sockets: a server's base URL and the credential that all of its sockets share.

use core::fmt;
use std::sync::Arc;

use crate::credential::{CredentialMode, ErasedTokenProvider, TokenProvider};
use crate::dial::{Dial, ErasedDial};
use crate::error::BuildError;
use crate::managed::common::Common;
use crate::managed::options::SocketOptions;
use crate::managed::path::Base;
use crate::managed::sockets::Sockets;
use crate::tungstenite_dial::TungsteniteDial;

/// A client of one server, whose [`websocket`](Self::websocket) opens managed sockets. Clones are the same client.
///
/// ```no_run
/// # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = bowline::Client::builder("https://realtime.example.com")
///     .token_provider(|| async { Ok(fetch_token().await?) })
///     .build()?;
/// let socket = client.websocket().connect_to_chat("thread-1").await?;
/// # drop(socket); Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    sockets: Sockets,
}

impl Client {
    /// Starts to describe a client of the server at `base_url`: `http`, `https`, `ws` or `wss`, with host and port and
    /// without a path.
    pub fn builder(base_url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.into(),
            tokens: None,
            mode: CredentialMode::Ticket,
            dial: None,
            network: TungsteniteDial::new(),
            options: SocketOptions::new(),
        }
    }

    /// What opens sockets.
    #[must_use]
    pub fn websocket(&self) -> &Sockets {
        &self.sockets
    }
}

/// Builds a [`Client`]; made by [`Client::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    base_url: String,
    tokens: Option<Arc<dyn ErasedTokenProvider>>,
    mode: CredentialMode,
    /// `None`: `network`.
    dial: Option<Arc<dyn ErasedDial>>,
    network: TungsteniteDial,
    options: SocketOptions,
}

impl ClientBuilder {
    /// Who gives the access token: a text, an async closure, or a [`TokenProvider`]. Asked for every ticket. Default:
    /// nobody, the server wants no credential.
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.tokens = Some(Arc::new(provider));
        self
    }

    /// How sockets prove who opens them. Default [`CredentialMode::Ticket`]: for each attempt and each handover the
    /// token buys a ticket over HTTPS, and the ticket opens that one socket, as `Authorization: Ticket`, so that nothing
    /// secret is in any URL. Servers that take no such header want [`CredentialMode::UrlTicket`]. With
    /// [`CredentialMode::Header`] the token itself opens the socket, and a round trip is saved.
    pub fn credential(mut self, mode: CredentialMode) -> Self {
        self.mode = mode;
        self
    }

    /// The options of sockets that are opened without options of their own. Default [`SocketOptions::new`].
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        self.options = options;
        self
    }

    /// How `https` and `wss` trust: roots of your own or a whole TLS configuration. Default: what the system trusts.
    pub fn network(mut self, network: TungsteniteDial) -> Self {
        self.network = network;
        self
    }

    /// Who opens WebSockets. Default: the [`network`](Self::network), which also buys the tickets in either case.
    pub fn dial(mut self, dial: impl Dial) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }

    /// The client. Nothing is sent yet, and no runtime is needed yet.
    ///
    /// # Errors
    /// [`BuildError::Url`] and [`BuildError::Scheme`]: the base URL cannot be used.
    pub fn build(self) -> Result<Client, BuildError> {
        let network = Arc::new(self.network);
        let common = Common {
            base: Base::parse(&self.base_url)?,
            tokens: self.tokens,
            mode: self.mode,
            dial: self.dial.unwrap_or_else(|| network.clone()),
            network,
            options: self.options,
            registry: Arc::default(),
        };
        Ok(Client { sockets: Sockets::new(common) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a credential.
        f.debug_struct("ClientBuilder").field("mode", &self.mode).finish_non_exhaustive()
    }
}
