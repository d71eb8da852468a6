//! The faults that a round is made of, one at a time, and how hard each is.

use std::time::Duration;

use crate::random::Random;

/// One thing that is done to a running gateway, its clients or the network between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `kill -9` of the gateway, and of so many listeners in the same moment.
    Kill { listeners: usize },
    /// `kill -9` so many times, each so long after the gateway was ready.
    KillAgain { times: u64, after: Duration },
    /// `kill -9`, and again so many times, each so long after the start, which may be before the gateway is ready.
    KillStarting { times: u64, after: Duration },
    /// `kill -9` when publishes have been carried out whose answers never arrive: they come again under their keys.
    KillUnanswered,
    /// `kill -9` of a listener.
    KillListener,
    /// The gateway stands still for so long.
    Stop { time: Duration },
    /// The gateway stands still for so long, so many times, and goes on for as long in between.
    Stutter { times: u64, time: Duration },
    /// A listener stands still for so long.
    StopListener { time: Duration },
    /// Every listener stands still for so long.
    StopListeners { time: Duration },
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
    /// Every `fdatasync` fails for so long, and then the gateway is killed with its log still unwritable.
    FailFsyncAndKill { time: Duration },
    /// Every `fdatasync` takes `each`, for so long.
    SlowFsync { each: Duration, time: Duration },
    /// Half of the descriptors in use, for so long.
    Descriptors { time: Duration },
    /// No memory beyond these further bytes, and more to hold than that, until the process dies of it.
    Memory { more: u64 },
}

/// About as long as a gateway with the log of a round takes to be ready (10 to 50 ms, with other work on the machine).
const STARTS_WITHIN_MS: u64 = 25;

impl Step {
    /// One of the faults that need nothing but signals and the proxy.
    pub(crate) fn draw(random: &mut Random) -> Step {
        let millis = |random: &mut Random, low, high| Duration::from_millis(random.between(low, high));
        match random.between(0, 100) {
            0..20 => Step::Kill { listeners: random.between(0, 3) as usize },
            20..27 => Step::KillUnanswered,
            27..43 => Step::KillAgain { times: random.between(2, 5), after: millis(random, 0, 400) },
            43..53 => {
                Step::KillStarting { times: random.between(1, 4), after: millis(random, 0, STARTS_WITHIN_MS) }
            }
            53..55 => Step::KillListener,
            55..68 => Step::Stop { time: millis(random, 50, 4_000) },
            68..75 => Step::Stutter { times: random.between(2, 5), time: millis(random, 20, 700) },
            75..82 => Step::StopListener { time: millis(random, 50, 3_000) },
            82..87 => Step::StopListeners { time: millis(random, 50, 3_000) },
            87..90 => Step::ResetAll,
            90..93 => Step::Refuse { time: millis(random, 200, 2_000) },
            93..97 => Step::FreezeOneWay { is_up: random.chance(50), time: millis(random, 500, 5_000) },
            _ => Step::FreezeBothWays { time: millis(random, 500, 5_000) },
        }
    }

    /// One of those that fall on a process and are over at once, so that many of them meet readers on their way back.
    pub(crate) fn draw_blow(random: &mut Random) -> Step {
        let millis = |random: &mut Random, low, high| Duration::from_millis(random.between(low, high));
        match random.between(0, 100) {
            0..20 => Step::Kill { listeners: random.between(0, 5) as usize },
            20..45 => Step::KillAgain { times: random.between(2, 7), after: millis(random, 0, 300) },
            45..65 => {
                Step::KillStarting { times: random.between(1, 6), after: millis(random, 0, STARTS_WITHIN_MS) }
            }
            65..75 => Step::Stop { time: millis(random, 20, 1_000) },
            75..90 => Step::Stutter { times: random.between(3, 8), time: millis(random, 10, 300) },
            _ => Step::StopListeners { time: millis(random, 50, 1_000) },
        }
    }

    /// A few words for a progress line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Kill { .. } => "kill",
            Step::KillAgain { .. } => "kill again",
            Step::KillStarting { .. } => "kill starting",
            Step::KillUnanswered => "kill unanswered",
            Step::KillListener => "kill listener",
            Step::Stop { .. } => "stop",
            Step::Stutter { .. } => "stutter",
            Step::StopListener { .. } => "stop listener",
            Step::StopListeners { .. } => "stop listeners",
            Step::Roll => "rolling restart",
            Step::ResetAll => "reset all",
            Step::Refuse { .. } => "refuse dials",
            Step::FreezeOneWay { .. } => "freeze one way",
            Step::FreezeBothWays { .. } => "freeze both ways",
            Step::FillDisk { .. } => "full disk",
            Step::FailFsync { .. } => "fsync error",
            Step::FailFsyncAndKill { .. } => "fsync error and kill",
            Step::SlowFsync { .. } => "slow fsync",
            Step::Descriptors { .. } => "descriptors",
            Step::Memory { .. } => "memory",
        }
    }
}
