//! What an operator may set about one shard, and what each default buys.

use core::time::Duration;

use bowline_proto::{AccountKind, Timestamp};

use crate::vocabulary::SocketKind;

/// The shard's settings. Every field has a default; a builder method changes it.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    pub(crate) heartbeat: Duration,
    pub(crate) plain_silence: Duration,
    pub(crate) max_duration: Duration,
    pub(crate) max_duration_notice: Duration,
    pub(crate) agent_sockets: u32,
    pub(crate) human_sockets: u32,
    pub(crate) service_sockets: u32,
    pub(crate) path_sockets: u32,
    pub(crate) handover_grace: Duration,
    pub(crate) resume_deadline: Duration,
    pub(crate) session_retention: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) subscriptions: usize,
    pub(crate) activities: usize,
    pub(crate) page: PageSize,
    pub(crate) reads_at_once: usize,
    pub(crate) bad_frames: u32,
    pub(crate) frame_rate: FrameRate,
    pub(crate) wall_origin: Timestamp,
}

/// How much one read of the log brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// How many frames a client may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}

impl Default for ShardConfig {
    fn default() -> Self {
        ShardConfig {
            heartbeat: Duration::from_secs(15),
            plain_silence: Duration::from_secs(630),
            max_duration: Duration::from_secs(2 * 60 * 60),
            max_duration_notice: Duration::from_secs(10 * 60),
            agent_sockets: 2,
            human_sockets: 20,
            service_sockets: 20,
            path_sockets: 100,
            handover_grace: Duration::from_secs(30),
            resume_deadline: Duration::from_secs(10),
            session_retention: Duration::from_secs(2 * 60),
            write_timeout: Duration::from_secs(30),
            subscriptions: 1_000,
            activities: 100,
            page: PageSize { records: 1_000, bytes: 128 * 1024 },
            reads_at_once: 64,
            bad_frames: 5,
            frame_rate: FrameRate { per_second: 100, burst: 200 },
            wall_origin: Timestamp(0),
        }
    }
}

impl ShardConfig {
    /// How often each end of a socket must be heard; announced to clients. Default 15 s, at least 1 ms. Less notices a
    /// dead link sooner and costs a ping per socket and period; a socket of the resume layer is dead after 2.5 of it.
    #[must_use]
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = every.max(Duration::from_millis(1));
        self
    }

    /// How long a socket that has never answered a WebSocket ping may be silent. Default 10 min 30 s: one and a half
    /// periods of the slowest known plain client. More keeps ghosts, less cuts clients that only listen.
    #[must_use]
    pub fn plain_silence(mut self, silence: Duration) -> Self {
        self.plain_silence = silence;
        self
    }

    /// How long a socket may live; announced to clients. Default 2 h, at least 1 s. Less rebalances sooner and costs handovers.
    #[must_use]
    pub fn max_duration(mut self, life: Duration) -> Self {
        self.max_duration = life.max(Duration::from_secs(1));
        self
    }

    /// How long before the maximum duration the client is asked to move. Default 10 min; at most half of the maximum
    /// duration counts. More gives a client more attempts.
    #[must_use]
    pub fn max_duration_notice(mut self, notice: Duration) -> Self {
        self.max_duration_notice = notice;
        self
    }

    /// How many account sockets an account of `kind` may hold; a handover counts once. Default 2 for agents, 20 for
    /// humans and services.
    #[must_use]
    pub fn account_sockets(mut self, kind: AccountKind, sockets: u32) -> Self {
        match kind {
            AccountKind::Agent => self.agent_sockets = sockets,
            AccountKind::Human => self.human_sockets = sockets,
            AccountKind::Service => self.service_sockets = sockets,
        }
        self
    }

    /// How many sockets on other paths an account may hold. Default 100.
    #[must_use]
    pub fn path_sockets(mut self, sockets: u32) -> Self {
        self.path_sockets = sockets;
        self
    }

    /// How long two sockets of one session count once; then one of them is evicted. Default 30 s: twice the time that a
    /// client gives a handover.
    #[must_use]
    pub fn handover_grace(mut self, grace: Duration) -> Self {
        self.handover_grace = grace;
        self
    }

    /// How long a socket with `resume=1` may keep its `resume` frame back. Default 10 s.
    #[must_use]
    pub fn resume_deadline(mut self, deadline: Duration) -> Self {
        self.resume_deadline = deadline;
        self
    }

    /// How long a session without a socket can still be proved. Default 2 min: longer than the longest backoff. A session
    /// forgotten costs its client a new id and nothing else, because the cursor is the client's.
    #[must_use]
    pub fn session_retention(mut self, retention: Duration) -> Self {
        self.session_retention = retention;
        self
    }

    /// How long a blocked socket may make no progress. Default 30 s. More is patient with bad networks and holds the
    /// driver's unsent bytes longer.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// How many topics a client may subscribe to on one socket, beyond the default ones. Default 1,000.
    #[must_use]
    pub fn subscriptions(mut self, topics: usize) -> Self {
        self.subscriptions = topics;
        self
    }

    /// In how many conversations an account may be active at a time. Default 100.
    #[must_use]
    pub fn activities(mut self, conversations: usize) -> Self {
        self.activities = conversations;
        self
    }

    /// How much one read of the log brings a reader that catches up: records (at least 1) and bytes. Default 1,000 and
    /// 128 KiB. More replays faster; this many bytes may lie in the driver for every socket that blocks.
    #[must_use]
    pub fn page(mut self, records: usize, bytes: usize) -> Self {
        self.page = PageSize { records: records.max(1), bytes: bytes.max(1) };
        self
    }

    /// How many reads of the log the shard has open at a time; other readers wait for their turn. Default 64, at least 1. It
    /// bounds what a storm of resumes holds in memory.
    #[must_use]
    pub fn reads_at_once(mut self, reads: usize) -> Self {
        self.reads_at_once = reads.max(1);
        self
    }

    /// Which bad frame of a socket is the last: it closes with 4504. Default 5.
    #[must_use]
    pub fn bad_frames(mut self, frames: u32) -> Self {
        self.bad_frames = frames.max(1);
        self
    }

    /// How many frames a client may send, per second and at once. Default 100 and 200. Frames above it are dropped and
    /// answered with `RATE_LIMITED`; see the module that decides it for when the socket is closed.
    #[must_use]
    pub fn frame_rate(mut self, per_second: u32, burst: u32) -> Self {
        self.frame_rate = FrameRate { per_second: per_second.max(1), burst: burst.max(1) };
        self
    }

    /// The wall-clock time at `Time::ZERO`: what the timestamps of activity signals are reckoned from. Default the Unix
    /// epoch. Nothing is ever decided by it.
    #[must_use]
    pub fn wall_origin(mut self, origin: Timestamp) -> Self {
        self.wall_origin = origin;
        self
    }

    /// How many sockets `kind` may hold on `socket`.
    pub(crate) fn sockets(&self, kind: AccountKind, socket: SocketKind) -> u32 {
        match (socket, kind) {
            (SocketKind::Path, _) => self.path_sockets,
            (SocketKind::Account, AccountKind::Agent) => self.agent_sockets,
            (SocketKind::Account, AccountKind::Human) => self.human_sockets,
            (SocketKind::Account, AccountKind::Service) => self.service_sockets,
        }
    }
}
