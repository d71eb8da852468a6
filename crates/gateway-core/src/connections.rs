//! What the shard knows of each socket, in two tables by slot: what a delivery needs, and the rest.

use std::sync::Arc;

use bowline_proto::{AccountKind, Epoch, GrantScope, Seq, SessionId, Time, Topic, TopicRefusal};
use smallvec::SmallVec;

use crate::frame_rate::FrameMeter;
use crate::keys::{AccountKey, SessionKey};
use crate::topics::TopicId;
use crate::vocabulary::{ConnId, Opening, SocketKind, TopicFilter};

/// What a delivery looks at: 16 bytes a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hot {
    /// A live reader gets tail records above this position. [`Hot::NOT_LIVE`] is above every position.
    pub(crate) live_from: u64,
    pub(crate) generation: u32,
    /// Something was sent since the last heartbeat.
    pub(crate) has_sent: bool,
}

impl Hot {
    pub(crate) const NOT_LIVE: u64 = u64::MAX;
}

/// The rest.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) account: AccountKey,
    pub(crate) kind: AccountKind,
    pub(crate) socket: SocketKind,
    pub(crate) opening: Opening,
    pub(crate) phase: Phase,
    pub(crate) writing: Writing,
    /// Topics that a token's claim opens on subscribe.
    pub(crate) claims: Arc<[TopicFilter]>,
    /// Default topics without a grant.
    pub(crate) open: Arc<[Topic]>,
    /// Which grants make default topics.
    pub(crate) granted: GrantScope,
    /// Every topic that it follows, in no order.
    pub(crate) memberships: SmallVec<[Membership; 1]>,
    /// How many of them the client asked for.
    pub(crate) asked: u32,
    /// The default topics are those of this position or, further on, of the reader's own.
    pub(crate) grants_as_of: Seq,
    /// By topic, where a gap ends that has been told and reaches over the end of the last page.
    pub(crate) told_ahead: Vec<(Topic, Seq)>,
    /// Where its stream started. It may lie ahead of `grants_as_of` when the log was read ahead of the tail.
    pub(crate) start: Seq,
    pub(crate) opened: Time,
    /// When bytes came last.
    pub(crate) heard: Time,
    /// The next heartbeat.
    pub(crate) next_beat: Time,
    /// The time of the socket's entry in the timers.
    pub(crate) armed: Time,
    pub(crate) frames: FrameMeter,
    pub(crate) bad_frames: u32,
    /// It has answered a WebSocket ping, so it will answer the next ones.
    pub(crate) answers_pings: bool,
    /// It was asked to move because its maximum duration comes near.
    pub(crate) is_told_to_move: bool,
}

/// How far a socket has come.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Its `resume` frame is awaited until then.
    AwaitResume { introduction: Box<Introduction>, until: Time },
    /// The first page after its cursor is awaited: with it, it is accepted.
    AwaitFirstPage(Box<Resuming>),
    /// Accepted, follows the tail.
    Live { session: SessionKey },
    /// Accepted, rereads the log.
    CatchingUp { session: SessionKey, catch_up: CatchUp },
}

/// What a socket brought that is used up when it is accepted.
#[derive(Debug)]
pub(crate) struct Introduction {
    pub(crate) connection_id: Arc<str>,
    pub(crate) session_id: SessionId,
}

/// A resume under way.
#[derive(Debug)]
pub(crate) struct Resuming {
    pub(crate) session: SessionKey,
    pub(crate) connection_id: Arc<str>,
    pub(crate) catch_up: CatchUp,
    /// Listed topics that were refused.
    pub(crate) errors: Vec<TopicRefusal>,
}

/// A reader behind the tail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CatchUp {
    /// The log that `position` is a position of, as the client knows it.
    pub(crate) epoch: Epoch,
    /// Everything up to here has been put out.
    pub(crate) position: Seq,
    pub(crate) awaiting: Awaiting,
    /// Reads that failed in a row.
    pub(crate) failures: u8,
}

/// Where the reader's next page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaiting {
    /// The socket is blocked: when it drains, the page is asked for.
    Drained,
    /// Too many reads are open: it waits for its turn.
    Turn,
    /// Asked for.
    Page,
    /// Asked for, and the question changed meanwhile: the answer is thrown away.
    StalePage,
    /// The read failed; asked again at this time.
    Retry(Time),
}

/// Whether the socket takes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Free,
    /// Blocked.
    Blocked {
        /// When it last took some.
        progressed: Time,
        /// Answers put out since.
        answers: u32,
        /// A pong is owed.
        owes_pong: bool,
    },
}

/// A topic that a socket follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) topic: TopicId,
    /// Where in the topic's list of followers it stands.
    pub(crate) at: u32,
    pub(crate) basis: Basis,
    /// For a subscription by grant: the position at which the right was seen. Older revocations don't concern it.
    pub(crate) seen_at: Seq,
}

/// Why a socket follows a topic: any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Basis(u8);

impl Basis {
    /// A default topic that needs no grant.
    pub(crate) const OPEN: Basis = Basis(1);
    /// A default topic by grant.
    pub(crate) const GRANTED: Basis = Basis(2);
    /// Subscribed, by a claim.
    pub(crate) const CLAIMED: Basis = Basis(4);
    /// Subscribed, by a grant.
    pub(crate) const ASKED: Basis = Basis(8);

    pub(crate) fn has(self, other: Basis) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn with(self, other: Basis) -> Basis {
        Basis(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Basis) -> Basis {
        Basis(self.0 & !other.0)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl Connection {
    /// The session, once the socket belongs to one.
    pub(crate) fn session(&self) -> Option<SessionKey> {
        match &self.phase {
            Phase::AwaitResume { .. } => None,
            Phase::AwaitFirstPage(resuming) => Some(resuming.session),
            Phase::Live { session } | Phase::CatchingUp { session, .. } => Some(*session),
        }
    }

    pub(crate) fn catch_up(&mut self) -> Option<&mut CatchUp> {
        match &mut self.phase {
            Phase::AwaitFirstPage(resuming) => Some(&mut resuming.catch_up),
            Phase::CatchingUp { catch_up, .. } => Some(catch_up),
            Phase::AwaitResume { .. } | Phase::Live { .. } => None,
        }
    }

    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.phase, Phase::Live { .. } | Phase::CatchingUp { .. })
    }

    /// The changes of rights between `grants_as_of` and `start` are in no page of this reader: the tail will bring them.
    pub(crate) fn starts_ahead_of_its_grants(&self) -> bool {
        self.start > self.grants_as_of
    }

    /// A change at `seq` behind the reader's position is, or may undo, one that it lacks.
    pub(crate) fn lacks_changes_at(&self, seq: Seq) -> bool {
        self.is_accepted() && self.starts_ahead_of_its_grants() && seq > self.grants_as_of
    }

    pub(crate) fn is_blocked(&self) -> bool {
        matches!(self.writing, Writing::Blocked { .. })
    }

    pub(crate) fn covers(&self, topic: &Topic) -> bool {
        match &self.granted {
            GrantScope::All => true,
            GrantScope::Only(topics) => topics.contains(topic),
        }
    }

    pub(crate) fn claims(&self, topic: &Topic) -> bool {
        self.claims.iter().any(|filter| match filter {
            TopicFilter::Exact(exact) => exact == topic,
            TopicFilter::Prefix(prefix) => topic.as_str().starts_with(&**prefix),
        })
    }
}

/// The two tables.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    pub(crate) hot: Vec<Hot>,
    cold: Vec<Option<Box<Connection>>>,
    count: usize,
}

impl Connections {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// One more than the highest slot in use.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.cold.len()).expect("slots are u32")
    }

    /// The slot of a socket that the shard knows.
    pub(crate) fn slot(&self, conn: ConnId) -> Option<u32> {
        self.cold.get(conn.slot as usize)?.as_ref()?;
        (self.hot[conn.slot as usize].generation == conn.generation).then_some(conn.slot)
    }

    pub(crate) fn insert(&mut self, conn: ConnId, connection: Connection) {
        let place = conn.slot as usize;
        if place >= self.cold.len() {
            self.cold.resize_with(place + 1, || None);
            self.hot.resize(place + 1, Hot { live_from: Hot::NOT_LIVE, generation: 0, has_sent: false });
        }
        self.hot[place] = Hot { live_from: Hot::NOT_LIVE, generation: conn.generation, has_sent: false };
        if self.cold[place].replace(Box::new(connection)).is_none() {
            self.count += 1;
        }
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Box<Connection>> {
        let removed = self.cold.get_mut(slot as usize)?.take()?;
        self.hot[slot as usize].live_from = Hot::NOT_LIVE;
        self.count -= 1;
        Some(removed)
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Connection> {
        self.cold.get(slot as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Connection> {
        self.cold.get_mut(slot as usize)?.as_deref_mut()
    }

    /// The id of the socket in a slot that is in use.
    pub(crate) fn id(&self, slot: u32) -> ConnId {
        ConnId { slot, generation: self.hot[slot as usize].generation }
    }
}
