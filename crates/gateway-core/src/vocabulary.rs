//! The vocabularies of the shard: facts in, orders out.

use core::convert::Infallible;
use core::ops::Range;
use core::time::Duration;
use std::sync::Arc;

use bowline_proto::{
    Account, AccountKind, ActivityStatus, ClientFrame, CloseCode, Epoch, GrantScope, Page, Query, Record,
    Seq, ServerFrame, SessionId, Timestamp, Topic,
};
use bytes::Bytes;

/// One accepted WebSocket. The driver chooses the slot (dense, reused) and counts the slot's generation, so that an
/// answer for an earlier tenant is told apart and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// Index into dense tables.
    pub slot: u32,
    /// Which tenant of the slot.
    pub generation: u32,
}

/// Who opened a socket, and what it may see: all of it checked by the driver.
#[derive(Clone, Debug)]
pub struct Hello {
    /// Who.
    pub account: Account,
    /// What kind of account: decides the limit.
    pub kind: AccountKind,
    /// What the path opens.
    pub socket: SocketKind,
    /// Topics that the token's `topics` claim opens on subscribe.
    pub claims: Arc<[TopicFilter]>,
    /// Default topics that need no grant: the inbox of an account socket, path topics that a claim opens.
    pub open: Arc<[Topic]>,
    /// Which grants of the account make default topics.
    pub granted: GrantScope,
    /// All topics granted to the account as of `as_of`, also those outside of `granted`: they decide what may be subscribed.
    pub grants: Vec<Topic>,
    /// The head of the log when `grants` was read; a position of the log that the shard was last told of.
    pub as_of: Seq,
    /// What the URL asked for.
    pub opening: Opening,
    /// The link's public id.
    pub connection_id: Arc<str>,
    /// A fresh secret, for the case that a new session is made.
    pub session_id: SessionId,
}

/// Which limit a socket counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// `/agent` and `/`: the account's own socket.
    Account,
    /// Every other path.
    Path,
}

/// What a socket's URL asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// Accept at the head.
    Plain,
    /// Wait for a `resume` frame.
    Resume,
}

/// A topic pattern of a token: an exact topic, or a prefix written with a trailing `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TopicFilter {
    /// This topic.
    Exact(Topic),
    /// Every topic that starts with this text.
    Prefix(Arc<str>),
}

/// A fact, in the past tense.
#[derive(Clone, Debug)]
pub enum Input {
    /// A socket with a good credential was upgraded.
    Opened {
        /// Its id.
        conn: ConnId,
        /// Who and what.
        hello: Box<Hello>,
    },
    /// Bytes came that are no frame of ours: a WebSocket pong. Proof of life.
    Heard {
        /// The socket.
        conn: ConnId,
    },
    /// A frame came.
    Frame {
        /// The socket.
        conn: ConnId,
        /// The frame.
        frame: ClientFrame,
    },
    /// A message came that is no frame: not JSON, or above a limit that does not end the socket at once.
    BadFrame {
        /// The socket.
        conn: ConnId,
        /// For people: which rule it broke.
        why: String,
    },
    /// The socket took only a part of what was written; the driver keeps the rest.
    Blocked {
        /// The socket.
        conn: ConnId,
    },
    /// A blocked socket took some bytes, not yet all.
    Progressed {
        /// The socket.
        conn: ConnId,
    },
    /// Everything written to a blocked socket is gone out.
    Drained {
        /// The socket.
        conn: ConnId,
    },
    /// The socket is gone.
    Closed {
        /// The socket.
        conn: ConnId,
    },
    /// The log committed these records; they follow on the ones before without a hole.
    Appended {
        /// In growing seq.
        records: Arc<[Record]>,
    },
    /// The shard's share of the tail overflowed: everything up to `upto` is to be read from the log.
    TailSkipped {
        /// The last position left out.
        upto: Seq,
    },
    /// The answer to a `Read`.
    PageRead {
        /// The socket.
        conn: ConnId,
        /// The answer.
        page: Page,
    },
    /// A `Read` failed.
    ReadFailed {
        /// The socket.
        conn: ConnId,
    },
    /// Another shard shared this, or the HTTP API did.
    Shared(Shared),
    /// Close this account's sockets.
    Disconnect {
        /// Whose.
        account: Account,
    },
    /// Move everybody away within `window`.
    DrainStarted {
        /// From now.
        window: Duration,
    },
    /// The log was recovered while the process ran: everybody reconnects against its new epoch and head.
    LogReopened {
        /// The log's epoch.
        epoch: Epoch,
        /// The log's head.
        head: Seq,
    },
}

/// What every shard must hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    /// An account's status in a conversation.
    Activity {
        /// The conversation's id.
        conversation_id: Arc<str>,
        /// Whose.
        account: Account,
        /// The status.
        status: ActivityStatus,
        /// When it was said.
        at: Timestamp,
    },
    /// An ephemeral publish: a frame for the live subscribers of a topic.
    Signal {
        /// The topic.
        topic: Topic,
        /// The frame.
        text: Bytes,
    },
}

/// An order to the driver, in the imperative. Orders for one socket are carried out in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a steering frame.
    Send {
        /// The socket.
        conn: ConnId,
        /// The frame.
        frame: ServerFrame<Infallible>,
    },
    /// Send these events to these sockets: framed once, the same bytes to everyone.
    Deliver {
        /// Where the events are.
        records: Arc<[Record]>,
        /// Which of them; all are [`Record::Event`].
        range: Range<usize>,
        /// To whom.
        to: Vec<ConnId>,
    },
    /// Send a signal's frame to these sockets.
    Signal {
        /// The frame.
        text: Bytes,
        /// To whom.
        to: Vec<ConnId>,
    },
    /// Ask the log; answer with `PageRead` or `ReadFailed`. At most one question per socket is open.
    Read {
        /// The socket.
        conn: ConnId,
        /// The question.
        query: Query,
    },
    /// Send a WebSocket ping.
    Ping {
        /// The socket.
        conn: ConnId,
    },
    /// Send what is pending, then a close frame; end the socket when it answers or the close deadline passes. The core
    /// has forgotten the socket: `Closed` is not expected any more.
    Close {
        /// The socket.
        conn: ConnId,
        /// The code.
        code: CloseCode,
    },
    /// Tell every other shard.
    Share(Shared),
}

/// Counts for metrics and readiness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sockets that the shard knows.
    pub connections: u64,
    /// Sessions, with and without a socket.
    pub sessions: u64,
    /// Sockets that follow the tail.
    pub live: u64,
    /// Sockets that reread the log.
    pub catching_up: u64,
    /// Sockets accepted so far.
    pub accepted: u64,
    /// Accepted with a cursor, so far.
    pub resumed: u64,
    /// Refused above the limit, so far.
    pub rejected: u64,
    /// Evicted by a newer socket of their session, so far.
    pub superseded: u64,
    /// Closed for silence, so far.
    pub idle_timeouts: u64,
    /// Closed for not reading, so far.
    pub slow_consumers: u64,
    /// Gaps told, so far.
    pub gaps: u64,
    /// Deliveries ordered, so far.
    pub delivered: u64,
}
