//! What a gateway says (wire protocol, section 3).

use core::time::Duration;
use std::sync::Arc;

use crate::client_frame::SessionId;
use crate::position::{Epoch, Seq};
use crate::topic::Topic;

/// A frame from the gateway. `B` is what the holder keeps of an event: the decoded [`Event`](crate::Event) natively, a
/// handle to an object in JavaScript. The cores never look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame<B> {
    /// The connection is ready: every default topic is live from a stated position.
    Accepted(Box<Accepted>),
    /// The connection is refused; a close follows.
    Rejected(Rejected),
    /// An event or a signal.
    Event {
        /// What the protocol needs of it.
        head: EventHead,
        /// What the application gets.
        body: B,
    },
    /// Answer to a subscribe.
    SubscribeAck(SubscribeAck),
    /// Answer to an unsubscribe.
    UnsubscribeAck {
        /// Topics no longer delivered.
        unsubscribed: Vec<Topic>,
    },
    /// The default topics changed by a grant or a revocation.
    Topics {
        /// Delivered from `seq` on.
        added: Vec<Topic>,
        /// Not delivered behind `seq` any more.
        removed: Vec<Topic>,
        /// Position of the change.
        seq: Seq,
    },
    /// Events that can no longer be had.
    Gap(Gap),
    /// Everything up to `seq` that concerns this connection has been sent. Plain servers send no seq.
    Pong {
        /// The position, on the resume layer.
        seq: Option<Seq>,
    },
    /// The gateway asks to move to a new link.
    Draining(Draining),
    /// A frame of the client's was not understood or not allowed.
    Error {
        /// Stable code, such as `BAD_FRAME`.
        code: String,
        /// For people.
        message: String,
    },
    /// An action of a later version: ignored.
    Unknown,
}

/// `connection.accepted`. On a plain server every member but the action may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The link's id, for logs of both ends.
    pub connection_id: Option<Arc<str>>,
    /// The session, to be proved at the next resume.
    pub session_id: Option<SessionId>,
    /// Delivery goes on after the cursor that the client presented.
    pub resumed: bool,
    /// Identity of the log.
    pub epoch: Option<Epoch>,
    /// Everything after it in the socket's topics will be delivered, nothing up to it.
    pub seq: Option<Seq>,
    /// How often each end must be heard.
    pub heartbeat: Option<Duration>,
    /// How long a link may live.
    pub max_duration: Option<Duration>,
    /// The gateway understands `resume`.
    pub can_resume: bool,
    /// The gateway announces `connection.draining`.
    pub can_drain: bool,
    /// What was lost since the cursor, by topic.
    pub gaps: Vec<Gap>,
}

/// `connection.rejected`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Stable reason, such as `CONNECTION_LIMIT_EXCEEDED` or `UNAUTHORIZED`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When set, the client may try again by itself after this time.
    pub retry_after: Option<Duration>,
}

/// `subscribe_ack`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeAck {
    /// Topics delivered from `seq` on.
    pub subscribed: Vec<Topic>,
    /// Topics refused.
    pub errors: Vec<TopicRefusal>,
    /// The position in this link's stream, on the resume layer.
    pub seq: Option<Seq>,
}

/// Why one topic of a list was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRefusal {
    /// As the client wrote it, cut to 256 bytes.
    pub topic: String,
    /// The reason.
    pub code: RefusalCode,
}

/// Reasons to refuse a topic. Open: a code of a later version is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// No right to it, or no such topic: the two are not told apart.
    Forbidden,
    /// Not a topic.
    InvalidTopic,
    /// Too many topics on this connection.
    LimitExceeded,
    /// A code of a later version.
    Other(String),
}

/// Events of `topic` with `after < seq < before` can't be had any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: Topic,
    /// The last position before the gap.
    pub after: Seq,
    /// The first position behind the gap.
    pub before: Seq,
    /// Why.
    pub reason: GapReason,
}

/// Why events can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// Retention removed them.
    Retention,
    /// The cursor belongs to another incarnation of the log.
    Epoch,
    /// The store lost them.
    Storage,
    /// The client saw by `prev` that the gateway skipped them, and a resume did not bring them, or could not because the
    /// cursor had passed them.
    Missing,
}

/// `connection.draining`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draining {
    /// Why.
    pub reason: DrainReason,
    /// When this client should start to move, from now.
    pub slot: Duration,
    /// When the gateway closes the link, from now.
    pub deadline: Duration,
}

/// Why a gateway asks its clients to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrainReason {
    /// The process ends.
    Shutdown,
    /// Load is moved elsewhere.
    Rebalance,
    /// The link is about to reach its maximum duration.
    MaxDuration,
    /// A reason of a later version.
    Other,
}

/// What the protocol needs of an event, decoded once at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHead {
    /// The topic; plain servers may send none.
    pub topic: Option<Topic>,
    /// Position and predecessor; `None` for signals and on plain servers.
    pub place: Option<Place>,
    /// A 64-bit hash of the frame's exact text: how copies are told on plain servers, which have no seq.
    pub digest: u64,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its position.
    pub seq: Seq,
    /// The position of the previous event of the same topic; zero when there is none.
    pub prev: Seq,
}
