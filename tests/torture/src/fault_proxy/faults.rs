//! Which kinds of faults there are, and how often each has been done.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub(crate) const ALL: &[Fault] = &[$(Fault::$name,)*];

            /// How a tally calls it.
            #[must_use]
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Fault::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    /// `kill -9` of the gateway.
    GatewayKill = "gateway_kill",
    /// One of those, before the gateway was ready.
    GatewayKillStarting = "gateway_kill_starting",
    /// `kill -9` of a listener's process.
    ListenerKill = "listener_kill",
    /// SIGSTOP and later SIGCONT of the gateway.
    GatewayStop = "gateway_stop",
    /// SIGSTOP and later SIGCONT of a listener's process.
    ListenerStop = "listener_stop",
    /// SIGTERM with clients connected, and a start again.
    RollingRestart = "rolling_restart",
    /// The device of the log runs full, and has room again.
    DiskFull = "disk_full",
    /// `fdatasync` fails.
    FsyncError = "fsync_error",
    /// `fdatasync` takes long.
    FsyncSlow = "fsync_slow",
    /// The gateway may open no further descriptor.
    Descriptors = "descriptors",
    /// The gateway gets no further memory, and is made to need some.
    Memory = "memory",
    /// It died of that, and was started again.
    MemoryDeath = "memory_death",
    /// A link ends between two frames.
    CutBetween = "cut_between",
    /// A link ends inside a frame.
    CutInside = "cut_inside",
    /// A link is reset.
    Reset = "reset",
    /// Every link is reset at once.
    ResetAll = "reset_all",
    /// Dials are refused for a while.
    RefuseDials = "refuse_dials",
    /// One direction of a link stands still.
    FreezeOneWay = "freeze_one_way",
    /// Both directions of a link stand still.
    FreezeBothWays = "freeze_both_ways",
    /// One direction of every link stands still.
    FreezeAllOneWay = "freeze_all_one_way",
    /// Both directions of every link stand still.
    FreezeAllBothWays = "freeze_all_both_ways",
    /// A link is late.
    Delay = "delay",
    /// A link's bytes travel one by one.
    Slice = "slice",
    /// A link is slow.
    Throttle = "throttle",
    /// A close frame is held back.
    HoldClose = "hold_close",
    /// The answer to a publish is cut off.
    AnswerCut = "answer_cut",
}

/// How often each fault has been done; shared by everybody who does some.
#[derive(Debug)]
pub(crate) struct FaultCounts(Vec<AtomicU64>);

impl FaultCounts {
    pub(crate) fn new() -> Self {
        FaultCounts(Fault::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn count(&self, fault: Fault) {
        self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize].load(Ordering::Relaxed)
    }
}
