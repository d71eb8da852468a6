//! The parts of a world and their habits.

use core::time::Duration;

use bowline_log::Durability;
use serde::{Deserialize, Serialize};

use super::text;
use bowline_proto::Time;

/// The gateway and its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodePlan {
    #[serde(with = "text::durability")]
    pub(crate) durability: Durability,
    /// How long a commit takes, in milliseconds.
    pub(crate) commit: (u64, u64),
    /// How long a read takes, in milliseconds.
    pub(crate) read: (u64, u64),
    /// How long committed records take to the shard, in milliseconds.
    pub(crate) tail: (u64, u64),
    #[serde(with = "text::span")]
    pub(crate) retain_every: Duration,
    /// A log was lost here before, with this position as its last: the new one starts 2^26 above it.
    pub(crate) lost_before: Option<u64>,
    /// The settings of each life of the process in turn; the last one stays.
    pub(crate) limits: Vec<Limits>,
}

/// What an operator may change at a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) segment_bytes: u64,
    #[serde(with = "text::span_or_none")]
    pub(crate) retain_age: Option<Duration>,
    pub(crate) retain_bytes: Option<u64>,
    #[serde(with = "text::span")]
    pub(crate) heartbeat: Duration,
    #[serde(with = "text::span")]
    pub(crate) max_duration: Duration,
    /// Records and bytes of a page.
    pub(crate) page: (usize, usize),
    pub(crate) agent_sockets: u32,
    pub(crate) human_sockets: u32,
    pub(crate) reads_at_once: usize,
    /// How long before the end of its maximum duration a socket is asked to move.
    #[serde(default = "usual_notice", with = "text::span")]
    pub(crate) notice: Duration,
    /// How long two sockets of a session count once.
    #[serde(default = "usual_grace", with = "text::span")]
    pub(crate) handover_grace: Duration,
}

/// What a plan has that was written before the notice was a part of it.
fn usual_notice() -> Duration {
    Duration::from_secs(600)
}

/// What a plan has that was written before the grace was a part of it.
fn usual_grace() -> Duration {
    Duration::from_secs(30)
}

impl NodePlan {
    /// The settings of the `life`-th process, from 1.
    pub(crate) fn limits_of(&self, life: u32) -> &Limits {
        let index = (life as usize).clamp(1, self.limits.len());
        &self.limits[index - 1]
    }
}

/// The way between a peer and the gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinkPlan {
    /// One-way delay and its jitter, in microseconds: least and most.
    pub(crate) delay: (u64, u64),
}

/// One listener that uses the client core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClientPlan {
    pub(crate) account: String,
    pub(crate) agent: bool,
    pub(crate) link: LinkPlan,
    pub(crate) credential: Credential,
    /// Listens to this topic on a path of its own, not to the account's socket.
    pub(crate) path: Option<String>,
    /// Conversations whose activity it follows and takes part in.
    pub(crate) conversations: Vec<String>,
    /// Feeds that it subscribes to by its token's claim.
    pub(crate) feeds: Vec<String>,
    /// A handover of its own accord this often.
    #[serde(with = "text::span_or_none")]
    pub(crate) renews_every: Option<Duration>,
    /// Goes on from where it stood when its process starts for the first time: from the oldest retained event.
    pub(crate) starts_at_oldest: bool,
    /// When its process starts.
    #[serde(with = "text::point")]
    pub(crate) starts_at: Time,
    /// It saves its state after this many events.
    pub(crate) saves_every: u64,
    /// How long the application takes for one event, in microseconds.
    pub(crate) takes: (u64, u64),
    /// How often it does something of its own.
    #[serde(with = "text::span")]
    pub(crate) acts_every: Duration,
    /// Of ten of its own doings, how many are messages, and how many changes of its wishes; the rest are activities.
    pub(crate) acts: (u64, u64),
    /// How many of a thousand tokens fail to come.
    pub(crate) token_trouble: u64,
    /// When it goes for ever.
    #[serde(default, with = "text::point_or_none")]
    pub(crate) leaves_at: Option<Time>,
    /// It starts with a saved cursor that lies so far ahead of the log.
    #[serde(default)]
    pub(crate) claims_ahead: u64,
    /// It never starts: what is left of a client that a shrunk plan does without.
    #[serde(default)]
    pub(crate) absent: bool,
}

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Credential {
    /// A token that lives for this many seconds of the issuer's clock.
    Token { seconds: u64 },
    /// A ticket of the gateway's: one use, 30 s.
    Ticket,
}

/// One listener that knows the plain layer only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StrangerPlan {
    pub(crate) account: String,
    pub(crate) link: LinkPlan,
    pub(crate) path: Option<String>,
    /// Conversations whose activity it follows.
    pub(crate) conversations: Vec<String>,
    #[serde(with = "text::point")]
    pub(crate) starts_at: Time,
    /// How often it pings or speaks.
    #[serde(with = "text::span")]
    pub(crate) acts_every: Duration,
    /// Its WebSocket library answers pings.
    pub(crate) answers_pings: bool,
    #[serde(default)]
    pub(crate) absent: bool,
}

/// Somebody who means harm, with a valid token of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostilePlan {
    pub(crate) account: String,
    pub(crate) link: LinkPlan,
    pub(crate) habit: Habit,
    #[serde(with = "text::span")]
    pub(crate) acts_every: Duration,
    #[serde(default)]
    pub(crate) absent: bool,
}

/// What a hostile peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Habit {
    /// Sends bytes without sense.
    Noise,
    /// Sends frames that are almost right.
    NearlyValid,
    /// Resumes with the sessions of others.
    ForeignSessions,
    /// Resumes with cursors ahead of the log and of unknown epochs.
    WildCursors,
    /// Sends more frames than anybody may.
    Flood,
    /// Opens sockets and says nothing on them.
    NeverFinishes,
    /// Takes nothing of what it is sent.
    NeverReads,
    /// Opens and drops sockets.
    Churn,
    /// Presents tickets that others have shown.
    TicketThief,
}

/// One publisher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PublisherPlan {
    pub(crate) account: String,
    #[serde(with = "text::span")]
    pub(crate) every: Duration,
    /// At most this many unanswered at a time.
    pub(crate) pipelined: usize,
    #[serde(with = "text::span")]
    pub(crate) retries_after: Duration,
    /// Of a hundred publishes, how many are grants and revocations.
    pub(crate) grants: u64,
    /// Bytes of padding of a payload.
    pub(crate) padding: u64,
    #[serde(default)]
    pub(crate) absent: bool,
}
