//! How a managed socket is opened, which of them are open, and how all of them are closed.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bowline_client_core::CredentialFailure;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::error::BuildError;
use crate::managed::common::Common;
use crate::managed::failure::OpenError;
use crate::managed::life::Life;
use crate::managed::options::SocketOptions;
use crate::managed::pump::Pump;
use crate::managed::socket::ManagedSocket;
use crate::managed::state::SocketState;
use crate::managed::trace::Trace;
use crate::managed::watched_dial::WatchedDial;
use crate::ticket::{self, Ticket, TicketError};

/// Opens managed sockets; reached by [`Client::websocket`](crate::Client::websocket). Clones are the same.
///
/// # When a socket is returned
///
/// The futures of the `connect` family resolve as soon as the first ticket has been bought and the dial has begun: the
/// socket is `Connecting` then, and [`on_state_change`](ManagedSocket::on_state_change) tells when it is open. When the
/// first ticket cannot be had for good (the token is not accepted, the account has no right to the path, the provider
/// is signed out), they fail with [`OpenError`]. When it cannot be had *now* (no network, a server that restarts), the
/// socket is returned all the same and goes on trying, as after any other loss. Dropping such a future closes what it
/// had begun.
///
/// `Open` means that the server has said `connection.accepted`, so that nothing is missed from then on. Servers that
/// never say it are not supported.
///
/// Each socket is served by two tasks of the current tokio runtime, which end with it. A socket lives as long as its
/// handles: the client knows of it, but does not keep it.
#[derive(Clone)]
pub struct Sockets {
    common: Arc<Common>,
}

impl Sockets {
    pub(crate) fn new(common: Common) -> Self {
        Sockets { common: Arc::new(common) }
    }

    /// Opens the socket of a chat thread: `/chats/{thread_id}`, with the client's default options. The id is
    /// percent-encoded.
    ///
    /// # Errors
    /// [`OpenError`], see [above](Self#when-a-socket-is-returned).
    pub async fn connect_to_chat(&self, thread_id: &str) -> Result<ManagedSocket, OpenError> {
        self.connect_to_chat_with(thread_id, self.common.options.clone()).await
    }

    /// [`connect_to_chat`](Self::connect_to_chat) with options of its own.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect_to_chat_with(
        &self,
        thread_id: &str,
        options: SocketOptions,
    ) -> Result<ManagedSocket, OpenError> {
        let url = self.common.base.of_segments(&["chats", thread_id])?;
        self.open(url, options, None).await
    }

    /// Opens the socket of a transcript: `/workspaces/{workspace_id}/transcripts/{transcript_id}`, with the client's
    /// default options. The ids are percent-encoded.
    ///
    /// # Errors
    /// [`OpenError`], see [above](Self#when-a-socket-is-returned).
    pub async fn connect_to_transcript(
        &self,
        workspace_id: &str,
        transcript_id: &str,
    ) -> Result<ManagedSocket, OpenError> {
        self.connect_to_transcript_with(workspace_id, transcript_id, self.common.options.clone()).await
    }

    /// [`connect_to_transcript`](Self::connect_to_transcript) with options of its own.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect_to_transcript_with(
        &self,
        workspace_id: &str,
        transcript_id: &str,
        options: SocketOptions,
    ) -> Result<ManagedSocket, OpenError> {
        let segments = ["workspaces", workspace_id, "transcripts", transcript_id];
        let url = self.common.base.of_segments(&segments)?;
        self.open(url, options, None).await
    }

    /// Opens a socket at any path, with the same guarantees. `options` may be `None` for the client's defaults; `label`
    /// names the socket in traces and as [`ManagedSocket::label`].
    ///
    /// # Errors
    /// [`OpenError`], see [above](Self#when-a-socket-is-returned).
    pub async fn connect(
        &self,
        path: &str,
        options: impl Into<Option<SocketOptions>>,
        label: &str,
    ) -> Result<ManagedSocket, OpenError> {
        let url = self.common.base.at(path)?;
        let options = options.into().unwrap_or_else(|| self.common.options.clone());
        self.open(url, options, Some(label)).await
    }

    /// Buys a ticket for one WebSocket at this path, for a socket that somebody else opens: managed sockets buy their
    /// own. The provider is asked for a token, and once more when that one is not accepted.
    ///
    /// # Errors
    /// [`TicketError`]. The token may take 30 s and the purchase 10 s, then the error is a temporary one.
    pub async fn get_ticket(&self, path: &str) -> Result<Ticket, TicketError> {
        let url = self.common.base.at(path)?;
        let endpoint = Endpoint::parse(&url).map_err(|error| TicketError::Path { why: error.to_string() })?;
        match self.buy(&endpoint).await {
            Err(TicketError::Unauthorized) => self.buy(&endpoint).await,
            other => other,
        }
    }

    async fn buy(&self, endpoint: &Endpoint) -> Result<Ticket, TicketError> {
        let Some(tokens) = self.common.tokens.clone() else {
            return Err(TicketError::NoToken { message: "the client has no token provider".to_owned() });
        };
        let token = timeout(TOKEN_DEADLINE, tokens.ask()).await;
        let token = token.map_err(|_| overdue("the token provider took too long"))?;
        let token = token.map_err(|failure| match failure {
            CredentialFailure::Refused { message } => TicketError::NoToken { message },
            CredentialFailure::Temporary { retry_after, message } => {
                TicketError::Temporary { retry_after, message }
            }
        })?;
        let bought = timeout(TICKET_DEADLINE, ticket::buy(endpoint, &self.common.network, &token)).await;
        bought.map_err(|_| overdue("the ticket request took too long"))?
    }

    /// Closes every socket that this client has opened, also those that are still being opened, and waits until they
    /// are closed and their handlers have been told: for logout and unmount. Sockets that are opened meanwhile stay.
    pub async fn close_all(&self) {
        let lives = self.common.registry.lives();
        for life in &lives {
            life.close();
        }
        for life in &lives {
            life.closed().await;
        }
    }

    /// How many sockets of this client are not closed: connecting, open, reconnecting or closing.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        let lives = self.common.registry.lives();
        lives.iter().filter(|life| life.state() != SocketState::Closed).count()
    }

    async fn open(
        &self,
        url: String,
        options: SocketOptions,
        label: Option<&str>,
    ) -> Result<ManagedSocket, OpenError> {
        // A handle from the first moment on: when this future is dropped, what has begun is closed.
        let (socket, life) = self.start(url, &options, label)?;
        life.begun().await?;
        Ok(socket)
    }

    fn start(
        &self,
        url: String,
        options: &SocketOptions,
        label: Option<&str>,
    ) -> Result<(ManagedSocket, Arc<Life>), OpenError> {
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let endpoint = Endpoint::parse(&url)?;
        let label: Arc<str> = label.unwrap_or_else(|| endpoint.path()).into();
        let trace = options.trace().map(|out| Trace::new(out, label.clone()));
        let life = Arc::new(Life::new(label, trace.clone()));

        let common = &self.common;
        let dial = WatchedDial { dial: common.dial.clone(), beginning: life.beginning.clone(), trace };
        let builder = Connection::builder(url)
            .credential(common.mode)
            .shared(common.tokens.clone(), common.network.clone(), life.ticket_note.clone())
            .dial(dial);
        let connection = options.apply(builder).connect()?;
        let (incoming, state) = (connection.events(), connection.state());
        life.live_on(connection);
        let entry = common.registry.add(&life);
        runtime.spawn(Pump::new(life.clone(), incoming, state, entry).run());
        Ok((ManagedSocket::new(life.clone()), life))
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").field("connection_count", &self.connection_count()).finish_non_exhaustive()
    }
}

/// The deadlines of a connection's own attempts (wire protocol, section 8).
const TOKEN_DEADLINE: Duration = Duration::from_secs(30);
const TICKET_DEADLINE: Duration = Duration::from_secs(10);

fn overdue(message: &str) -> TicketError {
    TicketError::Temporary { retry_after: None, message: message.to_owned() }
}
