//! Which faults a seed makes, and how often each kind.

use core::time::Duration;

use super::fault::{Cut, End, Fault, Rot};
use crate::event::PeerNo;
use crate::rng::Rng;

/// Who may be struck.
#[derive(Clone, Copy, Debug)]
pub(super) struct Targets {
    pub(super) clients: usize,
    pub(super) peers: usize,
    /// The power of a machine that promises nothing beyond its process is cut as well.
    pub(super) bytes_may_flip: bool,
    /// Sleeps of hours fit into the run.
    pub(super) is_long: bool,
}

impl Fault {
    pub(super) fn sampled(rng: &mut Rng, targets: Targets) -> Fault {
        let client = rng.index(targets.clients);
        let peer = rng.index(targets.peers);
        match rng.below(1_000) {
            0..300 => of_links(rng, client, peer),
            300..550 => of_clients(rng, client, targets),
            550..780 => of_the_node(rng),
            _ => of_the_disk(rng, targets),
        }
    }
}

fn of_links(rng: &mut Rng, client: PeerNo, peer: PeerNo) -> Fault {
    match rng.below(100) {
        0..18 => Fault::CutWires { client: peer, cut: cut(rng) },
        18..34 => Fault::CutOneWire { client, newest: rng.percent(50), cut: cut(rng) },
        34..46 => Fault::CutAfterFrames { client: peer, frames: u32_of(rng.below(30)), cut: cut(rng) },
        46..58 => Fault::CutInHandshake { client: peer, frames: u32_of(rng.below(4)), cut: cut(rng) },
        58..64 => Fault::Reset { client: peer },
        64..80 => {
            let toward = if rng.percent(50) { End::Client } else { End::Gateway };
            Fault::Stall { client: peer, toward, lasts: rng.millis(50, 12_000) }
        }
        80..88 => Fault::Throttle {
            client: peer,
            micros_a_byte: *rng.pick(&[10, 100, 1_000]),
            lasts: rng.millis(500, 15_000),
        },
        88..94 => Fault::Delay { client: peer, by: rng.millis(20, 3_000), lasts: rng.millis(500, 10_000) },
        _ => Fault::RefuseDials { silent: rng.percent(40), lasts: rng.millis(100, 6_000) },
    }
}

fn of_clients(rng: &mut Rng, client: PeerNo, targets: Targets) -> Fault {
    match rng.below(100) {
        0..14 => Fault::Unreachable { client, lasts: rng.millis(100, 20_000), woken: rng.percent(50) },
        14..28 => Fault::KillClient { client, down: rng.millis(0, 6_000), machine: rng.percent(40) },
        28..38 => Fault::StopReading { client, lasts: rng.millis(100, 15_000) },
        38..46 => Fault::FreezeClient { client, lasts: rng.millis(50, 20_000) },
        46..52 => {
            let turn = rng.millis(1, 400);
            Fault::SlowClient { client, turn, lasts: rng.millis(500, 10_000) }
        }
        52..60 => {
            let lasts = if targets.is_long { rng.millis(60_000, 9_000_000) } else { rng.millis(500, 30_000) };
            Fault::Sleep { client, lasts, woken: rng.percent(60) }
        }
        60..64 => Fault::JumpClientClock { client },
        64..70 => Fault::WakeUp { client },
        70..86 => Fault::HandOver { client },
        86..96 => Fault::CloseAndConnect { client },
        _ => Fault::Disconnect { client },
    }
}

fn of_the_node(rng: &mut Rng) -> Fault {
    match rng.below(100) {
        0..20 => Fault::KillNode { down: rng.millis(0, 5_000) },
        20..38 => Fault::KillNodeInWrite { changes: rng.below(12), down: rng.millis(0, 3_000) },
        38..52 => Fault::CutPower { down: rng.millis(500, 6_000) },
        52..60 => Fault::FreezeNode { lasts: rng.millis(50, 15_000) },
        60..66 => Fault::SlowNode { turn: rng.millis(1, 500), lasts: rng.millis(500, 8_000) },
        66..78 => Fault::Drain { window: rng.millis(500, 15_000), down: rng.millis(0, 2_000) },
        78..82 => {
            let window = rng.millis(2_000, 15_000);
            Fault::DrainTwice { window, again_after: rng.millis(300, 1_900), down: rng.millis(0, 2_000) }
        }
        82..85 => Fault::RollingRestarts {
            times: u32_of(rng.between(2, 4)),
            window: rng.millis(300, 3_000),
            every: rng.millis(2_000, 6_000),
        },
        85..91 => {
            let hours = *rng.pick(&[-3_600_000, -60_000, -3_000, 3_000, 60_000, 3_600_000]);
            Fault::JumpNodeClock { millis: hours }
        }
        _ => Fault::SkipTail { batches: rng.between(1, 20) },
    }
}

fn of_the_disk(rng: &mut Rng, targets: Targets) -> Fault {
    match rng.below(100) {
        0..8 => Fault::ReopenLog,
        8..28 => Fault::FailSync { syncs: rng.below(12), times: *rng.pick(&[1, 1, 2, 5]) },
        28..38 => Fault::SlowSync { millis: rng.between(100, 4_000), lasts: rng.millis(500, 8_000) },
        38..54 => Fault::FillDisk { room: room(rng), lasts: rng.millis(100, 4_000) },
        54..66 => Fault::FullAtStart { room: room(rng), lasts: rng.millis(100, 6_000) },
        _ if targets.bytes_may_flip => {
            let rot = *rng.pick(&[Rot::Sealed, Rot::Sealed, Rot::Index, Rot::Open, Rot::Tail, Rot::State]);
            Fault::FlipByte { rot, at: rng.next_u64() >> 12 }
        }
        _ => Fault::KillNodeInWrite { changes: rng.below(40), down: Duration::ZERO },
    }
}

fn room(rng: &mut Rng) -> u64 {
    if rng.percent(40) { 0 } else { rng.between(1, 12_000) }
}

fn cut(rng: &mut Rng) -> Cut {
    let mut learns = || match rng.below(3) {
        0 => None,
        1 => Some(rng.millis(0, 20)),
        _ => Some(rng.millis(20, 30_000)),
    };
    Cut { client_learns: learns(), gateway_learns: learns() }
}

pub(super) fn u32_of(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
