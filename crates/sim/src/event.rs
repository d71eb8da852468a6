//! What can happen at a point of virtual time, and the names that the parts of a world use for each other.

use bowline_client_core::LinkId;
use bowline_gateway_core::ConnId;
use bowline_proto::{Page, Query, Seq, Time};

/// One client host; an index.
pub(crate) type ClientNo = usize;
/// One publisher; an index.
pub(crate) type PublisherNo = usize;
/// One publish of a publisher: the number in its idempotency key.
pub(crate) type PublishNo = u64;

/// One TCP connection of the simulated network. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WireId(pub(crate) u64);

/// One end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Where the connection was dialled.
    Client,
    /// Where it was accepted.
    Gateway,
}

impl End {
    /// The opposite end.
    pub(crate) fn other(self) -> End {
        match self {
            End::Client => End::Gateway,
            End::Gateway => End::Client,
        }
    }
}

/// Something that is due.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A client core's deadline; stale when the arm number has moved on.
    ClientWakes { client: ClientNo, arm: u64 },
    /// The token provider of a client answers.
    CredentialAnswers { client: ClientNo, life: u32, fetch: u64, good: bool },
    /// A fact about a link that its core has dropped was already on its way.
    LateAnswer { client: ClientNo, life: u32, link: LinkId },
    /// A dial has failed.
    DialFails { client: ClientNo, wire: WireId },
    /// The application takes the next thing from its queue.
    AppTakes { client: ClientNo, life: u32 },
    /// An application starts again after its process was killed.
    ClientStarts { client: ClientNo },
    /// An application asks for a connection again after a terminal close.
    ClientConnects { client: ClientNo, life: u32 },
    /// An application does something of its own: subscribe, activity, handover on request.
    ClientActs { client: ClientNo, life: u32 },
    /// A SYN reaches the gateway's machine.
    DialArrives { wire: WireId },
    /// A wire may have something due for `toward`.
    WireMoves { wire: WireId, toward: End },
    /// A writer learns that its peer took bytes.
    WindowOpens { wire: WireId },
    /// The handshake of a connection is done: the shard hears of it.
    UpgradeDone { wire: WireId, life: u32 },
    /// The close deadline of a socket that the gateway wanted closed.
    CloseDue { wire: WireId, life: u32 },
    /// The shard's deadline.
    NodeWakes { arm: u64 },
    /// The commit of what was appended completes.
    Commits { life: u32 },
    /// The answer to a read arrives at the shard; without a page the log is asked only now.
    PageArrives { life: u32, conn: ConnId, query: Box<Query>, page: Option<Box<Page>> },
    /// The committed records reach the shard.
    TailArrives { life: u32 },
    /// Retention is due.
    Retains { life: u32 },
    /// A new gateway process starts over the same disk.
    NodeStarts,
    /// A draining process ends.
    DrainEnds { life: u32 },
    /// A publisher makes a new publish.
    PublisherTicks { publisher: PublisherNo },
    /// A publish reaches the gateway.
    PublishArrives { publisher: PublisherNo, publish: PublishNo },
    /// The answer to a publish reaches its publisher.
    AnswerArrives { publisher: PublisherNo, publish: PublishNo, seqs: Vec<Seq> },
    /// No answer came for so long that the publisher tries again.
    PublishOverdue { publisher: PublisherNo, publish: PublishNo, attempt: u32 },
    /// The n-th fault of the plan.
    Fault { index: usize },
    /// The end of a fault that lasts.
    FaultEnds { index: usize },
    /// From here on nothing breaks any more.
    QuietBegins,
    /// The publishers stop: what is in the log now must reach everybody.
    PublishersStop,
    /// The end of the run.
    Ends,
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
