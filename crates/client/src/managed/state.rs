//! Where a managed socket stands, in the five words of its users.

use core::fmt;

/// The state of a [`ManagedSocket`](crate::ManagedSocket). `Display` gives the word in lower case. A handover changes
/// nothing in it.
///
/// ```
/// assert_eq!(bowline::SocketState::Reconnecting.to_string(), "reconnecting");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketState {
    /// The first attempt is under way.
    Connecting,
    /// The server has accepted the socket.
    Open,
    /// [`close`](crate::ManagedSocket::close) was called; the closing handshake is under way.
    Closing,
    /// Over, for good: by `close`, by the server, or because the attempts are exhausted.
    Closed,
    /// An attempt failed or the link was lost; the next attempt waits for its turn or is under way.
    Reconnecting,
}

impl SocketState {
    /// The word for it, such as `open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SocketState::Connecting => "connecting",
            SocketState::Open => "open",
            SocketState::Closing => "closing",
            SocketState::Closed => "closed",
            SocketState::Reconnecting => "reconnecting",
        }
    }
}

impl fmt::Display for SocketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
