//! What can happen at a point of virtual time, and the names that the parts of a world use for each other.

use bowline_client_core::LinkId;
use bowline_gateway_core::ConnId;
use bowline_proto::{Page, Query, Seq, Time};

/// A process that dials: a client, a stranger or a hostile peer; an index over all of them in this order.
pub(crate) type PeerNo = usize;
/// One gateway node; an index. Worlds have one so far.
pub(crate) type NodeNo = usize;
/// One publisher; an index.
pub(crate) type PublisherNo = usize;
/// One publish of a publisher: the number in its idempotency key.
pub(crate) type PublishNo = u64;

/// One TCP connection of the simulated network. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WireId(pub(crate) u64);

/// A process that can be frozen, slow or killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Process {
    /// Somebody who dials.
    Peer(PeerNo),
    /// A gateway.
    Node(NodeNo),
}

/// Something that is due.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Something happens to a peer's process.
    Peer {
        /// Whose.
        peer: PeerNo,
        /// What.
        what: PeerEvent,
    },
    /// Something happens to a gateway's process.
    Node {
        /// Whose.
        node: NodeNo,
        /// What.
        what: NodeEvent,
    },
    /// Something happens to a publisher.
    Publisher {
        /// Whose.
        publisher: PublisherNo,
        /// What.
        what: PublisherEvent,
    },
    /// A process that is slow has its next turn.
    Turn {
        /// Whose.
        process: Process,
        /// Which fault made it slow.
        fault: usize,
    },
    /// The n-th fault of the plan.
    Fault {
        /// Which.
        index: usize,
    },
    /// The end of a fault that lasts.
    FaultEnds {
        /// Which.
        index: usize,
    },
    /// A part of a fault that comes in parts.
    FaultGoesOn {
        /// Which.
        index: usize,
        /// The n-th part, from 1.
        part: u32,
    },
    /// From here on nothing breaks any more.
    QuietBegins,
    /// The publishers stop: what is in the log now must reach everybody.
    PublishersStop,
    /// Has everybody everything?
    Looks,
    /// The end of the run.
    Ends,
}

/// What happens to a peer.
#[derive(Clone, Debug)]
pub(crate) enum PeerEvent {
    /// A core's deadline; stale when the arm number has moved on.
    Wakes { arm: u64 },
    /// The token provider answers.
    CredentialAnswers { life: u32, fetch: u64, good: bool },
    /// A fact about a link that its core has dropped was already on its way.
    LateAnswer { life: u32, link: LinkId },
    /// A dial has failed.
    DialFails { wire: WireId },
    /// A wire may have something due.
    Reads { wire: WireId },
    /// The application takes the next thing from its queue.
    AppTakes { life: u32 },
    /// It starts, for the first time or after its process was killed.
    Starts,
    /// An application asks for a connection again after a terminal close.
    Connects { life: u32 },
    /// It does something of its own.
    Acts { life: u32 },
}

/// What happens to a gateway.
#[derive(Clone, Debug)]
pub(crate) enum NodeEvent {
    /// A SYN reaches the machine.
    Dialled { wire: WireId },
    /// A wire may have something due.
    Reads { wire: WireId },
    /// The peer of a wire took bytes.
    WindowOpens { wire: WireId },
    /// The handshake of a connection is done: the shard hears of it.
    UpgradeDone { wire: WireId, life: u32 },
    /// The close deadline of a socket that the gateway wanted closed.
    CloseDue { wire: WireId, life: u32 },
    /// The shard's deadline.
    Wakes { arm: u64 },
    /// The commit of what was appended completes.
    Commits { life: u32 },
    /// The answer to a read arrives at the shard; without a page the log is asked only now.
    PageArrives { life: u32, conn: ConnId, query: Box<Query>, page: Option<Box<Page>> },
    /// The committed records reach the shard.
    TailArrives { life: u32 },
    /// Retention is due.
    Retains { life: u32 },
    /// A fact about a socket that is over was already on its way.
    StaleFact { life: u32, conn: ConnId, dice: u64 },
    /// A publish arrives.
    Published { publisher: PublisherNo, publish: PublishNo },
    /// A failed log is reopened in the living process.
    ReopensLog { life: u32 },
    /// A new process starts over the same disk.
    Starts,
    /// A draining process ends.
    DrainEnds { life: u32 },
}

/// What happens to a publisher.
#[derive(Clone, Debug)]
pub(crate) enum PublisherEvent {
    /// It makes a new publish.
    Ticks,
    /// The answer to a publish reaches it.
    AnswerArrives { publish: PublishNo, seqs: Vec<Seq> },
    /// No answer came for so long that it tries again.
    Overdue { publish: PublishNo, attempt: u32 },
}

/// An event with its place in the order of everything.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// When.
    pub(crate) at: Time,
    /// Ties are broken by the order of planning.
    pub(crate) tie: u64,
    /// What.
    pub(crate) event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.tie) == (other.at, other.tie)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    /// Reversed, so that the greatest of a binary heap is the next one due.
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (other.at, other.tie).cmp(&(self.at, self.tie))
    }
}
