//! What the first bytes of a TCP connection ask for: a WebSocket, which takes our own short way, or anything else, which is
//! handed to hyper.

use core::fmt;

use crate::ws::BadUpgrade;

/// The longest request head that is looked at, in bytes.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The most headers of a request.
pub const MAX_HEADERS: usize = 64;

/// What the bytes so far are.
#[derive(Debug)]
pub enum HeadOutcome {
    /// The head is not complete: read more.
    Incomplete,
    /// A good WebSocket upgrade.
    Upgrade(Box<UpgradeRequest>),
    /// Something else: hand the bytes and the socket to hyper.
    Other,
    /// Nothing that can be served: answer with [`BadHead::response`] and close.
    Bad(BadHead),
}

/// Why a head can't be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// Not HTTP/1.
    #[error("the request is not HTTP/1")]
    Malformed,
    /// More than [`MAX_HEAD_BYTES`] or [`MAX_HEADERS`].
    #[error("the request's head is too large")]
    TooLarge,
    /// An upgrade with a body.
    #[error("an upgrade request has no body")]
    Body,
    /// An upgrade that breaks RFC 6455.
    #[error(transparent)]
    Upgrade(#[from] BadUpgrade),
}

impl BadHead {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            BadHead::Malformed | BadHead::Body => 400,
            BadHead::TooLarge => 431,
            BadHead::Upgrade(bad) => match bad {
                BadUpgrade::Version => 426,
                BadUpgrade::Key | BadUpgrade::Connection => 400,
            },
        }
    }

    /// The bytes of the whole answer: a problem document, `Connection: close`.
    #[must_use]
    pub fn response(self) -> Vec<u8> {
        todo!()
    }
}

/// A WebSocket upgrade. `Debug` shows no credential.
#[derive(Clone, PartialEq, Eq)]
pub struct UpgradeRequest {
    /// The request's path, as it was sent, without the query.
    pub path: String,
    /// `?token=`, percent-decoded.
    pub token: Option<String>,
    /// `?ticket=`, percent-decoded.
    pub ticket: Option<String>,
    /// `?resume=1`.
    pub resume: bool,
    /// The `Origin` header.
    pub origin: Option<String>,
    /// The token of `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// `Sec-WebSocket-Key`, checked.
    pub key: String,
    /// `Sec-WebSocket-Protocol`, in the client's order.
    pub protocols: Vec<String>,
    /// Where in the input the head ends; what follows are WebSocket frames.
    pub head_len: usize,
}

impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest")
            .field("path", &self.path)
            .field("resume", &self.resume)
            .field("origin", &self.origin)
            .field("protocols", &self.protocols.len())
            .field("has_token", &self.token.is_some())
            .field("has_ticket", &self.ticket.is_some())
            .field("has_bearer", &self.bearer.is_some())
            .finish_non_exhaustive()
    }
}

/// Looks at the first bytes of a connection.
#[must_use]
pub fn parse(_bytes: &[u8]) -> HeadOutcome {
    todo!()
}
