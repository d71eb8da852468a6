//! What the log holds and how it is asked: the words that the log and the gateway core share.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::position::{Epoch, Seq};
use crate::server_frame::Gap;
use crate::topic::{Account, Topic};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An event.
    Event(LoggedEvent),
    /// From `seq` on, `account` has the right to `topic`.
    Granted {
        /// Position.
        seq: Seq,
        /// Whose right.
        account: Account,
        /// To what.
        topic: Topic,
    },
    /// From `seq` on, `account` has no longer the right to `topic`.
    Revoked {
        /// Position.
        seq: Seq,
        /// Whose right.
        account: Account,
        /// To what.
        topic: Topic,
    },
}

impl Record {
    /// The record's position.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Record::Event(event) => event.seq,
            Record::Granted { seq, .. } | Record::Revoked { seq, .. } => *seq,
        }
    }
}

/// An event as it lies in the log.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its position.
    pub seq: Seq,
    /// The position of the previous event of the topic, zero when there is none.
    pub prev: Seq,
    /// The topic.
    pub topic: Topic,
    /// The event's frame, exactly as every subscriber gets it.
    pub text: Bytes,
}

/// Shows no text.
impl fmt::Debug for LoggedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedEvent")
            .field("seq", &self.seq)
            .field("prev", &self.prev)
            .field("topic", &self.topic)
            .field("text_bytes", &self.text.len())
            .finish()
    }
}

/// A question to the log: what did this reader miss?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Who reads.
    pub account: Account,
    /// Which of the account's grants count. An event is included where the account had the grant at the event's own
    /// position; the account's own `Granted` and `Revoked` records of these topics are among the answer.
    pub granted: GrantScope,
    /// Further topics that are included whoever was granted them: the inbox, and what a token's claim opens.
    pub open: Arc<[Topic]>,
    /// The log that `after` is a position of, as the reader knows it. Where it is not this log's epoch, or `after` lies
    /// ahead of the head, the answer goes on from the last position that both histories share and says what may be lost.
    pub epoch: Epoch,
    /// Records with a greater seq only.
    pub after: Seq,
    /// At most this many records; at least 1.
    pub max_records: usize,
    /// Stop after the record that reaches this many bytes of text.
    pub max_bytes: usize,
}

/// Which of an account's grants a reader follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantScope {
    /// Every grant: an account socket.
    All,
    /// These topics only: a socket of a path.
    Only(Arc<[Topic]>),
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Where the answer starts: the query's `after`, or the last position shared with the history that the reader knows.
    pub from: Seq,
    /// In growing seq, each greater than `from`.
    pub records: Vec<Record>,
    /// The reader's own grant records between here and `upto` are all among `records`. Greater than `from` where retention
    /// has removed what an ended right was.
    pub rights_from: Seq,
    /// Everything asked for up to here is in `records` or in `gaps`. At least the seq of the last record; the head of
    /// the log when nothing is missing behind it.
    pub upto: Seq,
    /// What was lost between `from` and `upto`, or may have been lost with the reader's epoch, by topic, bounded by what the reader had a right to.
    pub gaps: Vec<Gap>,
}
