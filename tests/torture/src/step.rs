//! The faults that a round is made of, one at a time, and how hard each is.

use std::time::Duration;

use crate::random::Random;

/// One thing that is done to a running gateway, its clients or the network between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `kill -9` of the gateway, and of so many listeners in the same moment.
    Kill { listeners: usize },
    /// `kill -9`, and again so long after the gateway was ready.
    KillTwice { after: Duration },
    /// `kill -9` when publishes have been carried out whose answers never arrive: they come again under their keys.
    KillUnanswered,
    /// `kill -9` of a listener.
    KillListener,
    /// The gateway stands still for so long.
    Stop { time: Duration },
    /// A listener stands still for so long.
    StopListener { time: Duration },
    /// SIGTERM with all clients connected, then a new process.
    Roll,
    /// Every link is reset.
    ResetAll,
    /// No dial succeeds for so long, and every link is reset at the beginning.
    Refuse { time: Duration },
    /// Every link stands still one way for so long.
    FreezeOneWay { is_up: bool, time: Duration },
    /// Every link stands still for so long.
    FreezeBothWays { time: Duration },
    /// No room on the log's device for so long.
    FillDisk { time: Duration },
    /// Every `fdatasync` fails for so long.
    FailFsync { time: Duration },
    /// Every `fdatasync` takes `each`, for so long.
    SlowFsync { each: Duration, time: Duration },
    /// Half of the descriptors in use, for so long.
    Descriptors { time: Duration },
    /// No address space beyond these further bytes, for so long or until the process dies of it. (An allocator that has
    /// reserved plenty beforehand does not notice.)
    Memory { more: u64, time: Duration },
}

impl Step {
    /// One of the faults that need nothing but signals and the proxy.
    pub(crate) fn draw(random: &mut Random) -> Step {
        let millis = |random: &mut Random, low, high| Duration::from_millis(random.between(low, high));
        match random.between(0, 100) {
            0..26 => Step::Kill { listeners: random.between(0, 3) as usize },
            26..36 => Step::KillUnanswered,
            36..56 => Step::KillTwice { after: millis(random, 0, 400) },
            56..58 => Step::KillListener,
            58..73 => Step::Stop { time: millis(random, 50, 4_000) },
            73..87 => Step::StopListener { time: millis(random, 50, 3_000) },
            87..90 => Step::ResetAll,
            90..93 => Step::Refuse { time: millis(random, 200, 2_000) },
            93..97 => Step::FreezeOneWay { is_up: random.chance(50), time: millis(random, 500, 5_000) },
            _ => Step::FreezeBothWays { time: millis(random, 500, 5_000) },
        }
    }

    /// A few words for a progress line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Kill { .. } => "kill",
            Step::KillTwice { .. } => "kill twice",
            Step::KillUnanswered => "kill unanswered",
            Step::KillListener => "kill listener",
            Step::Stop { .. } => "stop",
            Step::StopListener { .. } => "stop listener",
            Step::Roll => "rolling restart",
            Step::ResetAll => "reset all",
            Step::Refuse { .. } => "refuse dials",
            Step::FreezeOneWay { .. } => "freeze one way",
            Step::FreezeBothWays { .. } => "freeze both ways",
            Step::FillDisk { .. } => "full disk",
            Step::FailFsync { .. } => "fsync error",
            Step::SlowFsync { .. } => "slow fsync",
            Step::Descriptors { .. } => "descriptors",
            Step::Memory { .. } => "memory",
        }
    }
}
