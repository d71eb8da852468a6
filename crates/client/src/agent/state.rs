//! How the connection's state is told in the three words of the agent's socket.

use core::fmt;

/// Where the socket stands. A planned handover changes nothing in it.
///
/// `Disconnected` also holds between attempts: while the socket waits for its next try there is no connection and none
/// is being made, and an application that shows a badge or queues work wants to know exactly that. So an outage reads
/// `Disconnected`, `Connecting`, `Disconnected`, `Connecting`, … and in the end `Connected`. Whether another attempt
/// follows is told by `on_error` (a lost link) and `on_connection_rejected` (none follows).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// An attempt is under way: token, dial, or the wait for `connection.accepted`.
    Connecting,
    /// Accepted: events are delivered.
    Connected,
    /// Neither: not connected yet, waiting for the next attempt, rejected, or disconnected.
    Disconnected,
}

impl AgentState {
    /// `connecting`, `connected` or `disconnected`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AgentState::Connecting => "connecting",
            AgentState::Connected => "connected",
            AgentState::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
