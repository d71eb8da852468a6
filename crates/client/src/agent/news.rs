//! What the server answers to a subscribe and an unsubscribe.

use bowline_proto::{Topic, TopicRefusal};

/// The answer to [`AgentSocket::subscribe`](crate::AgentSocket::subscribe). Told once per topic while a connection
/// lasts: a handover subscribes again without a word, a reconnect tells again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribed {
    /// Delivered from now on.
    pub topics: Vec<Topic>,
    /// Not delivered, each with the reason. Those refused for good (no right, no topic) are wanted no more; those above
    /// a limit are asked for again on the next connection.
    pub refused: Vec<TopicRefusal>,
}

/// The answer to [`AgentSocket::unsubscribe`](crate::AgentSocket::unsubscribe).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsubscribed {
    /// No longer delivered.
    pub topics: Vec<Topic>,
}
