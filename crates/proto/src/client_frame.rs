//! What a client says (wire protocol, section 4).

use core::fmt;
use std::sync::Arc;

use crate::activity::ActivityStatus;
use crate::position::{Epoch, Seq};
use crate::topic::Topic;

/// A frame from the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// "Are you there?"; answered by a pong with a position.
    Ping,
    /// Wants these topics. An entry that is no topic is refused by name, not with the whole frame.
    Subscribe {
        /// At most [`Limits::topics_per_frame`](crate::Limits::topics_per_frame).
        topics: Vec<RequestedTopic>,
    },
    /// Wants these topics no more.
    Unsubscribe {
        /// At most [`Limits::topics_per_frame`](crate::Limits::topics_per_frame).
        topics: Vec<RequestedTopic>,
    },
    /// What the account is doing in a conversation.
    Activity {
        /// The conversation's id.
        conversation_id: Arc<str>,
        /// The status.
        status: ActivityStatus,
    },
    /// Go on after a cursor: the first frame on a URL that carries `resume=1`.
    Resume(Resume),
    /// An action of a later version: ignored.
    Unknown,
}

/// Where a client wants to go on, and what it proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The session that the client held, if it knows one.
    pub session_id: Option<SessionId>,
    /// The log that `seq` is a position of; absent only with seq 0.
    pub epoch: Option<Epoch>,
    /// Everything up to here is behind the client; 0 means "from the oldest retained event".
    pub seq: Seq,
    /// Topics beyond the default ones.
    pub topics: Vec<RequestedTopic>,
}

/// An entry of a topic list as a peer wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedTopic {
    /// A topic.
    Valid(Topic),
    /// Not a topic: the text, cut to 256 bytes.
    Invalid(String),
}

impl From<Topic> for RequestedTopic {
    fn from(topic: Topic) -> Self {
        RequestedTopic::Valid(topic)
    }
}

/// The session's id, which is also its secret. `Debug` does not show it. 1 to 64 bytes of `[A-Za-z0-9_-]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// Takes `text` when it has the shape of a session id.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        fits.then(|| SessionId(text.into()))
    }

    /// The secret itself, for the wire and for a saved cursor; never for a log line.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}
