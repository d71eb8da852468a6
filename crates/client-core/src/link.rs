//! What a link is waiting for, from the token fetch to its last close frame.

use core::time::Duration;

use bowline_proto::{Cursor, Epoch, Rejected, Time};

use crate::liveness::Liveness;
use crate::renewal::Window;
use crate::subscriptions::LinkTopics;
use crate::vocabulary::{FetchId, Layer, LinkId};

/// A link on its way to being accepted.
#[derive(Debug)]
#[expect(clippy::enum_variant_names, reason = "a state is named for what it awaits")]
pub(crate) enum Approach {
    /// The token provider's answer.
    AwaitCredential {
        /// The question.
        fetch: FetchId,
    },
    /// The end of the dial.
    AwaitOpened {
        /// The link.
        link: LinkId,
        /// What the URL asks for.
        layer: Layer,
    },
    /// The current link's answers to subscribes of logged topics: before they are known, the successor can't say which
    /// topics it goes on with.
    AwaitAnswers {
        /// The link, which is open.
        link: LinkId,
    },
    /// `connection.accepted`.
    AwaitAccepted {
        /// The link.
        link: LinkId,
        /// What the URL asks for.
        layer: Layer,
        /// The cursor that the `resume` carried.
        presented: Option<Cursor>,
        /// The topics that the `resume` carried.
        topics: LinkTopics,
    },
    /// The close that follows a rejection.
    AwaitRejectedClose {
        /// The link.
        link: LinkId,
        /// The reason of the close to come.
        rejected: Rejected,
    },
}

impl Approach {
    /// Its link, once there is one.
    pub(crate) fn link(&self) -> Option<LinkId> {
        match self {
            Approach::AwaitCredential { .. } => None,
            Approach::AwaitOpened { link, .. }
            | Approach::AwaitAnswers { link }
            | Approach::AwaitAccepted { link, .. }
            | Approach::AwaitRejectedClose { link, .. } => Some(*link),
        }
    }

    /// The handshake is done: the peer may send.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Approach::AwaitCredential { .. } | Approach::AwaitOpened { .. } => false,
            Approach::AwaitAnswers { .. }
            | Approach::AwaitAccepted { .. }
            | Approach::AwaitRejectedClose { .. } => true,
        }
    }

    /// It asks a gateway to evict the session's older links.
    pub(crate) fn has_presented_session(&self) -> bool {
        match self {
            Approach::AwaitAccepted { layer, .. } => *layer == Layer::Resume,
            Approach::AwaitCredential { .. }
            | Approach::AwaitOpened { .. }
            | Approach::AwaitAnswers { .. }
            | Approach::AwaitRejectedClose { .. } => false,
        }
    }

    /// The logged topics of the current link and of this one must stay the same until it is decided.
    pub(crate) fn pins_topics(&self) -> bool {
        matches!(self, Approach::AwaitAnswers { .. }) || self.has_presented_session()
    }
}

/// What a link's frames mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Events have positions in the log of this epoch, and a resume can go on from them.
    Logged(Epoch),
    /// A plain server's: no position, copies are told by their text.
    Plain,
}

/// The current link: accepted and alive.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) link: LinkId,
    pub(crate) stream: Stream,
    pub(crate) topics: LinkTopics,
    pub(crate) liveness: Liveness,
    pub(crate) accepted_at: Time,
    /// What the gateway said about how long a link may live.
    pub(crate) max_duration: Option<Duration>,
    /// When it is to be replaced; `None`: when somebody asks.
    pub(crate) window: Option<Window>,
    /// Handovers that failed within the window.
    pub(crate) tries: u32,
    /// A rejection that came late: the reason of the close to come.
    pub(crate) rejected: Option<Rejected>,
}

/// A link that is no longer current and is still read.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) link: LinkId,
    pub(crate) stream: Stream,
    pub(crate) topics: LinkTopics,
    pub(crate) awaits: Farewell,
    /// Something that it showed was not read, because it lacked a topic then: it moves nothing any more.
    pub(crate) was_passed_over: bool,
    /// When the wait is over whatever came.
    pub(crate) until: Time,
}

/// What a retired link waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The new link's answers to its subscribes: on plain servers the topics are live on the new one before this one goes.
    Answers,
    /// Its close frame.
    Closed,
}
