//! What can break, and the name under which each fault is counted when it has really struck.

use core::time::Duration;

use bowline_proto::Time;
use serde::{Deserialize, Serialize};

use super::text;
use crate::event::PeerNo;

/// A fault and when it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Planned {
    #[serde(with = "text::point")]
    pub(crate) at: Time,
    pub(crate) fault: Fault,
}

/// One end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// How a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// When the client's end learns of it; `None`: never.
    #[serde(with = "text::span_or_none")]
    pub(crate) client_learns: Option<Duration>,
    /// When the gateway's end learns of it; `None`: never.
    #[serde(with = "text::span_or_none")]
    pub(crate) gateway_learns: Option<Duration>,
}

/// Where a byte of the disk is flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rot {
    /// In a segment that is written no more.
    Sealed,
    /// In an index of such a segment.
    Index,
    /// Anywhere in the open segment.
    Open,
    /// In the last bytes of the open segment, which may not be synced yet.
    Tail,
    /// In what says how far the log had been committed.
    State,
}

/// Something that breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// All connections of a peer are lost, each end learning of it or not.
    CutWires { client: PeerNo, cut: Cut },
    /// The older or the newer of two connections of a peer is lost.
    CutOneWire { client: PeerNo, newest: bool, cut: Cut },
    /// All connections of a peer are lost after so many more frames of either direction.
    CutAfterFrames { client: PeerNo, frames: u32, cut: Cut },
    /// The next connection of a peer is lost after so many frames: 0 is before the handshake, 1 before the accept.
    CutInHandshake { client: PeerNo, frames: u32, cut: Cut },
    /// Both ends of all connections of a peer are reset at once.
    Reset { client: PeerNo },
    /// One direction stands still for a while.
    Stall {
        client: PeerNo,
        toward: End,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// A peer's sockets take little for a while: so many microseconds a byte.
    Throttle {
        client: PeerNo,
        micros_a_byte: u64,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// Everything takes longer between a peer and the gateway for a while.
    Delay {
        client: PeerNo,
        #[serde(with = "text::span")]
        by: Duration,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// A client's machine is offline: nobody is told.
    Unreachable {
        client: PeerNo,
        #[serde(with = "text::span")]
        lasts: Duration,
        woken: bool,
    },
    /// A client's machine sleeps: its processes and its clock stand still, its sockets wait.
    Sleep {
        client: PeerNo,
        #[serde(with = "text::span")]
        lasts: Duration,
        woken: bool,
    },
    /// A client's process stands still; then everything that waited happens at once.
    FreezeClient {
        client: PeerNo,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// A client's turns take long for a while.
    SlowClient {
        client: PeerNo,
        #[serde(with = "text::span")]
        turn: Duration,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// A client's process is killed; its machine goes with it, or stays and says so.
    KillClient {
        client: PeerNo,
        #[serde(with = "text::span")]
        down: Duration,
        machine: bool,
    },
    /// An application takes nothing for a while.
    StopReading {
        client: PeerNo,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// A client takes its wall clock's jump for a machine that woke up.
    JumpClientClock { client: PeerNo },
    /// A client is told that its network is back.
    WakeUp { client: PeerNo },
    /// An application asks for a handover.
    HandOver { client: PeerNo },
    /// An application closes its connection and opens it again.
    CloseAndConnect { client: PeerNo },
    /// An operator closes an account's sockets.
    Disconnect { client: PeerNo },
    /// The gateway's process is killed.
    KillNode {
        #[serde(with = "text::span")]
        down: Duration,
    },
    /// The gateway's process is killed in the middle of its n-th change of the disk from now.
    KillNodeInWrite {
        changes: u64,
        #[serde(with = "text::span")]
        down: Duration,
    },
    /// The gateway's machine loses its power.
    CutPower {
        #[serde(with = "text::span")]
        down: Duration,
    },
    /// The gateway's process stands still; then everything that waited happens at once.
    FreezeNode {
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// The gateway's turns take long for a while.
    SlowNode {
        #[serde(with = "text::span")]
        turn: Duration,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// The gateway drains and is started again.
    Drain {
        #[serde(with = "text::span")]
        window: Duration,
        #[serde(with = "text::span")]
        down: Duration,
    },
    /// The gateway drains, and is asked again to drain, within less.
    DrainTwice {
        #[serde(with = "text::span")]
        window: Duration,
        #[serde(with = "text::span")]
        again_after: Duration,
        #[serde(with = "text::span")]
        down: Duration,
    },
    /// The gateway is drained and restarted several times in a row.
    RollingRestarts {
        times: u32,
        #[serde(with = "text::span")]
        window: Duration,
        #[serde(with = "text::span")]
        every: Duration,
    },
    /// The gateway's wall clock jumps by so many milliseconds, for good or until the quiet.
    JumpNodeClock { millis: i64 },
    /// The log is closed and recovered while the process goes on.
    ReopenLog,
    /// The n-th sync of the disk from now fails, and as many behind it as said.
    FailSync { syncs: u64, times: u64 },
    /// Commits take long for a while, in milliseconds.
    SlowSync {
        millis: u64,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// A byte of the disk is another one from now on.
    FlipByte { rot: Rot, at: u64 },
    /// The gateway's disk has only so many bytes left for a while.
    FillDisk {
        room: u64,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// The gateway's disk is full when its process is killed and started again.
    FullAtStart {
        room: u64,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// The gateway's machine refuses connections for a while, or does not answer them.
    RefuseDials {
        silent: bool,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// The shard's share of the tail overflows.
    SkipTail { batches: u64 },
    /// A client's process is killed, and what it had saved last lies so far behind the last position that retention removed.
    ComeBackAtTheEdge { client: PeerNo, behind: i64 },
    /// Somebody else uses the next ticket of a client in the same instant.
    StealTicket { client: PeerNo },
    /// The log answers reads late.
    SlowReads {
        #[serde(with = "text::span")]
        by: Duration,
        #[serde(with = "text::span")]
        lasts: Duration,
    },
    /// An event within a run is lost on its way out.
    LoseEvent,
}

impl Fault {
    /// The name under which it is counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Fault::CutWires { .. } => "fault: cut",
            Fault::CutOneWire { .. } => "fault: one of two links cut",
            Fault::CutAfterFrames { .. } => "fault: cut at a frame's boundary",
            Fault::CutInHandshake { .. } => "fault: cut inside a handshake",
            Fault::Reset { .. } => "fault: reset",
            Fault::Stall { .. } => "fault: one direction stalled",
            Fault::Throttle { .. } => "fault: slow reader",
            Fault::Delay { .. } => "fault: delay",
            Fault::Unreachable { .. } => "fault: client unreachable",
            Fault::Sleep { .. } => "fault: client's machine asleep",
            Fault::FreezeClient { .. } => "fault: client frozen",
            Fault::SlowClient { .. } => "fault: client slow",
            Fault::KillClient { .. } => "fault: client killed",
            Fault::StopReading { .. } => "fault: application stands still",
            Fault::JumpClientClock { .. } => "fault: client's clock jumps",
            Fault::WakeUp { .. } => "fault: network said to be back",
            Fault::HandOver { .. } => "fault: handover asked for",
            Fault::CloseAndConnect { .. } => "fault: closed by the application",
            Fault::Disconnect { .. } => "fault: disconnected by the operator",
            Fault::KillNode { .. } => "fault: gateway killed",
            Fault::KillNodeInWrite { .. } => "fault: gateway killed in a change of the disk",
            Fault::CutPower { .. } => "fault: power cut",
            Fault::FreezeNode { .. } => "fault: gateway frozen",
            Fault::SlowNode { .. } => "fault: gateway slow",
            Fault::Drain { .. } => "fault: drain",
            Fault::DrainTwice { .. } => "fault: drain during a drain",
            Fault::RollingRestarts { .. } => "fault: rolling restarts",
            Fault::JumpNodeClock { .. } => "fault: gateway's clock jumps",
            Fault::ReopenLog => "fault: log reopened",
            Fault::FailSync { .. } => "fault: a sync failed",
            Fault::SlowSync { .. } => "fault: slow sync",
            Fault::FlipByte { rot: Rot::Sealed, .. } => "fault: byte flipped in a sealed segment",
            Fault::FlipByte { rot: Rot::Index, .. } => "fault: byte flipped in an index",
            Fault::FlipByte { rot: Rot::Open, .. } => "fault: byte flipped in the open segment",
            Fault::FlipByte { rot: Rot::Tail, .. } => "fault: byte flipped in the tail",
            Fault::FlipByte { rot: Rot::State, .. } => "fault: byte flipped in the state",
            Fault::FillDisk { .. } => "fault: disk full",
            Fault::FullAtStart { .. } => "fault: disk full at start",
            Fault::RefuseDials { silent: false, .. } => "fault: dial refused",
            Fault::RefuseDials { silent: true, .. } => "fault: dial unanswered",
            Fault::SkipTail { .. } => "fault: the tail overflowed",
            Fault::ComeBackAtTheEdge { .. } => "fault: client comes back at the retention edge",
            Fault::StealTicket { .. } => "fault: ticket stolen",
            Fault::SlowReads { .. } => "fault: slow reads of the log",
            Fault::LoseEvent => "fault: event lost on its way",
        }
    }

    /// How long it lasts, when it is a state that ends.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        match self {
            Fault::Stall { lasts, .. }
            | Fault::Throttle { lasts, .. }
            | Fault::Delay { lasts, .. }
            | Fault::Unreachable { lasts, .. }
            | Fault::Sleep { lasts, .. }
            | Fault::FreezeClient { lasts, .. }
            | Fault::SlowClient { lasts, .. }
            | Fault::StopReading { lasts, .. }
            | Fault::FreezeNode { lasts }
            | Fault::SlowNode { lasts, .. }
            | Fault::SlowSync { lasts, .. }
            | Fault::FillDisk { lasts, .. }
            | Fault::FullAtStart { lasts, .. }
            | Fault::SlowReads { lasts, .. }
            | Fault::RefuseDials { lasts, .. } => Some(*lasts),
            Fault::CutWires { .. }
            | Fault::CutOneWire { .. }
            | Fault::CutAfterFrames { .. }
            | Fault::CutInHandshake { .. }
            | Fault::Reset { .. }
            | Fault::KillClient { .. }
            | Fault::JumpClientClock { .. }
            | Fault::WakeUp { .. }
            | Fault::HandOver { .. }
            | Fault::CloseAndConnect { .. }
            | Fault::Disconnect { .. }
            | Fault::KillNode { .. }
            | Fault::KillNodeInWrite { .. }
            | Fault::CutPower { .. }
            | Fault::Drain { .. }
            | Fault::DrainTwice { .. }
            | Fault::RollingRestarts { .. }
            | Fault::JumpNodeClock { .. }
            | Fault::ReopenLog
            | Fault::FailSync { .. }
            | Fault::FlipByte { .. }
            | Fault::ComeBackAtTheEdge { .. }
            | Fault::StealTicket { .. }
            | Fault::LoseEvent
            | Fault::SkipTail { .. } => None,
        }
    }
}

/// The names of all faults: a test asks that each of them strikes.
pub const FAULTS: &[&str] = &[
    "fault: cut",
    "fault: one of two links cut",
    "fault: cut at a frame's boundary",
    "fault: cut inside a handshake",
    "fault: reset",
    "fault: one direction stalled",
    "fault: slow reader",
    "fault: delay",
    "fault: client unreachable",
    "fault: client's machine asleep",
    "fault: client frozen",
    "fault: client slow",
    "fault: client killed",
    "fault: application stands still",
    "fault: client's clock jumps",
    "fault: network said to be back",
    "fault: handover asked for",
    "fault: closed by the application",
    "fault: disconnected by the operator",
    "fault: gateway killed",
    "fault: gateway killed in a change of the disk",
    "fault: power cut",
    "fault: gateway frozen",
    "fault: gateway slow",
    "fault: drain",
    "fault: drain during a drain",
    "fault: rolling restarts",
    "fault: gateway's clock jumps",
    "fault: log reopened",
    "fault: a sync failed",
    "fault: slow sync",
    "fault: byte flipped in a sealed segment",
    "fault: byte flipped in an index",
    "fault: byte flipped in the open segment",
    "fault: byte flipped in the tail",
    "fault: byte flipped in the state",
    "fault: disk full",
    "fault: disk full at start",
    "fault: dial refused",
    "fault: dial unanswered",
    "fault: the tail overflowed",
    "fault: client comes back at the retention edge",
    "fault: ticket stolen",
    "fault: slow reads of the log",
    "fault: event lost on its way",
];
