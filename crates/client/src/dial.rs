//! The seam for sockets: what the driver needs of one, and who opens it.

use core::fmt;
use core::pin::Pin;
use std::io;
use std::sync::Arc;

use bowline_client_core::DialFailure;
use bowline_proto::CloseCode;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::Sink;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use url::{Host, Url};

/// Opens sockets. The default, [`TungsteniteDial`](crate::TungsteniteDial), speaks WebSocket over TCP and TLS; another
/// one may go through a proxy, a Unix socket or a pipe ([`upgrade`](crate::upgrade) does the WebSocket handshake over
/// any byte stream), or carry the text frames in some other way.
pub trait Dial: Send + Sync + 'static {
    /// What a dial gives.
    type Socket: Socket;

    /// Opens one socket. The future is dropped when the dial is given up (its deadline is the connection's), and must
    /// leave nothing behind then.
    ///
    /// # Errors
    /// [`DialFailure`] says whether another try makes sense.
    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<Self::Socket, DialFailure>> + Send;
}

/// A socket that carries text frames: a stream of what comes in and a sink of what goes out. Implemented by everything
/// that is both.
///
/// * The end of the stream means that the link is over without a close frame.
/// * After [`Outgoing::Close`] nothing else is sent, and the stream is still read until [`Received::Closed`].
/// * Dropping it closes the connection below at once.
pub trait Socket: Stream<Item = Received> + Sink<Outgoing, Error = io::Error> + Send + 'static {}

impl<S> Socket for S where S: Stream<Item = Received> + Sink<Outgoing, Error = io::Error> + Send + 'static {}

/// What came in on a socket.
#[derive(Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame, whole, checked to be UTF-8.
    Text(Bytes),
    /// A sign of life that is no frame of the protocol's: a ping or a pong of the socket's own.
    Alive,
    /// Something that is not a text frame within the limits: which rule it broke.
    Bad(String),
    /// The peer's close frame; [`CloseCode::NO_STATUS`] when it held no code. Nothing follows.
    Closed(CloseCode),
}

impl fmt::Debug for Received {
    /// Shows sizes, never payloads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Received::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Received::Alive => f.write_str("Alive"),
            Received::Bad(why) => f.debug_tuple("Bad").field(why).finish(),
            Received::Closed(code) => f.debug_tuple("Closed").field(code).finish(),
        }
    }
}

/// What goes out on a socket.
#[derive(Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A text frame.
    Text(String),
    /// The close frame that starts the closing handshake.
    Close(CloseCode),
}

impl fmt::Debug for Outgoing {
    /// Shows sizes, never payloads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outgoing::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Outgoing::Close(code) => f.debug_tuple("Close").field(code).finish(),
        }
    }
}

/// Where to dial, with which credential. `Debug` shows neither the query nor the header.
#[derive(Clone)]
pub struct DialRequest {
    /// `ws` or `wss`, with a host; the query may hold a credential.
    pub(crate) url: Url,
    /// `Bearer …`, marked sensitive.
    pub(crate) authorization: Option<HeaderValue>,
    /// Longest message to take, in bytes.
    pub(crate) message_bytes: usize,
}

impl DialRequest {
    /// The URL, with its query, which may hold a token or a ticket: not for logs.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.url.as_str()
    }

    /// The host: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        match self.url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        }
    }

    /// The port: 80 or 443 when the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(if self.is_secure() { 443 } else { 80 })
    }

    /// TLS is wanted: the URL is `wss`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// The value of the `Authorization` header, when the credential travels there.
    #[must_use]
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Longest message that the socket should take, in bytes.
    #[must_use]
    pub fn message_limit(&self) -> usize {
        self.message_bytes
    }
}

impl fmt::Debug for DialRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialRequest")
            .field("host", &self.host())
            .field("port", &self.port())
            .field("path", &self.url.path())
            .field("secure", &self.is_secure())
            .finish_non_exhaustive()
    }
}

pub(crate) type BoxSocket = Pin<Box<dyn Socket>>;

/// [`Dial`] behind a pointer.
pub(crate) trait ErasedDial: Send + Sync {
    fn open(self: Arc<Self>, request: DialRequest) -> BoxFuture<'static, Result<BoxSocket, DialFailure>>;
}

impl<D: Dial> ErasedDial for D {
    fn open(self: Arc<Self>, request: DialRequest) -> BoxFuture<'static, Result<BoxSocket, DialFailure>> {
        Box::pin(async move {
            let socket = self.dial(request).await?;
            Ok(Box::pin(socket) as BoxSocket)
        })
    }
}
