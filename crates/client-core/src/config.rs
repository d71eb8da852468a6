//! What a caller may decide about a connection, and what is decided when the caller says nothing.

use core::time::Duration;

use crate::vocabulary::SavedPosition;

/// The configuration of a connection. Every deadline is at least one millisecond: a smaller value is raised to it.
///
/// ```
/// use bowline_client_core::{ClientConfig, Jitter, RenewAfter};
/// use core::time::Duration;
///
/// let config = ClientConfig::new()
///     .max_attempts(10)
///     .jitter(Jitter::None)
///     .renew_after(RenewAfter::Exactly(Duration::from_secs(3600)));
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(crate) backoff_base: Duration,
    pub(crate) backoff_cap: Duration,
    pub(crate) jitter: Jitter,
    pub(crate) max_attempts: u32,
    pub(crate) renew_after: RenewAfter,
    pub(crate) credential_deadline: Duration,
    pub(crate) dial_deadline: Duration,
    pub(crate) accept_deadline: Duration,
    pub(crate) pong_deadline: Duration,
    pub(crate) close_deadline: Duration,
    pub(crate) stable_after: Duration,
    pub(crate) keepalive: Duration,
    pub(crate) outbox_messages: usize,
    pub(crate) outbox_bytes: usize,
    pub(crate) max_subscriptions: usize,
    pub(crate) max_activities: usize,
    pub(crate) resume_from: Option<SavedPosition>,
}

/// Whether delays before a retry are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Jitter {
    /// Uniform between zero and the delay: a fleet that lost its gateway does not come back as one wave.
    Full,
    /// The delay itself.
    None,
}

/// When a link is replaced by a successor, so that the network never cuts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RenewAfter {
    /// Only when the gateway drains or the application asks.
    Never,
    /// This age of a link, up to 5 % earlier at random, so that a fleet does not move in step.
    About(Duration),
    /// Exactly this age.
    Exactly(Duration),
}

impl ClientConfig {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        ClientConfig {
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_secs(30),
            jitter: Jitter::Full,
            max_attempts: 0,
            renew_after: RenewAfter::About(Duration::from_secs(110 * 60)),
            credential_deadline: Duration::from_secs(30),
            dial_deadline: Duration::from_secs(10),
            accept_deadline: Duration::from_secs(15),
            pong_deadline: Duration::from_secs(5),
            close_deadline: Duration::from_secs(5),
            stable_after: Duration::from_secs(10),
            keepalive: Duration::from_secs(5 * 60),
            outbox_messages: 1024,
            outbox_bytes: 1024 * 1024,
            max_subscriptions: 1000,
            max_activities: 256,
            resume_from: None,
        }
    }

    /// Delay before the first retry; doubles with every further one. Default 1 s. More is kinder to a gateway that
    /// restarts, less is back sooner.
    #[must_use]
    pub fn backoff_base(mut self, delay: Duration) -> Self {
        self.backoff_base = at_least_a_millisecond(delay);
        self
    }

    /// The longest delay before a retry. Default 30 s. More is kinder to a long outage, less is back sooner after it.
    #[must_use]
    pub fn backoff_cap(mut self, delay: Duration) -> Self {
        self.backoff_cap = at_least_a_millisecond(delay);
        self
    }

    /// Whether delays are spread. Default [`Jitter::Full`].
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many retries in a row may fail before the connection gives up; 0 is for ever. Default 0.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// At what age a link is replaced. Default about 110 min, because widespread API gateways cut at 120. Less means
    /// more handovers; more than the network allows means reconnects instead.
    #[must_use]
    pub fn renew_after(mut self, age: RenewAfter) -> Self {
        self.renew_after = match age {
            RenewAfter::Never => RenewAfter::Never,
            RenewAfter::About(age) => RenewAfter::About(at_least_a_millisecond(age)),
            RenewAfter::Exactly(age) => RenewAfter::Exactly(at_least_a_millisecond(age)),
        };
        self
    }

    /// How long the token provider may take. Default 30 s. Less retries a hanging provider sooner.
    #[must_use]
    pub fn credential_deadline(mut self, deadline: Duration) -> Self {
        self.credential_deadline = at_least_a_millisecond(deadline);
        self
    }

    /// How long a dial may take: name, TCP, TLS and the WebSocket handshake. Default 10 s.
    #[must_use]
    pub fn dial_deadline(mut self, deadline: Duration) -> Self {
        self.dial_deadline = at_least_a_millisecond(deadline);
        self
    }

    /// How long an open link may wait for `connection.accepted`. Default 15 s.
    #[must_use]
    pub fn accept_deadline(mut self, deadline: Duration) -> Self {
        self.accept_deadline = at_least_a_millisecond(deadline);
        self
    }

    /// How long the answer to a ping may take; never more than one and a half heartbeats. Default 5 s. Less notices a
    /// dead network sooner and cuts slow ones.
    #[must_use]
    pub fn pong_deadline(mut self, deadline: Duration) -> Self {
        self.pong_deadline = at_least_a_millisecond(deadline);
        self
    }

    /// How long the peer may take to answer a close. Default 5 s; then the socket is dropped.
    #[must_use]
    pub fn close_deadline(mut self, deadline: Duration) -> Self {
        self.close_deadline = at_least_a_millisecond(deadline);
        self
    }

    /// How long a connection must have been up before its next loss counts as the first again. Default 10 s. Zero
    /// makes a gateway that accepts and then closes be dialled without growing delays.
    #[must_use]
    pub fn stable_after(mut self, up: Duration) -> Self {
        self.stable_after = up;
        self
    }

    /// How often a server that announces no heartbeat is pinged. Default 5 min: half of the shortest idle timeout of
    /// widespread API gateways.
    #[must_use]
    pub fn keepalive(mut self, every: Duration) -> Self {
        self.keepalive = at_least_a_millisecond(every);
        self
    }

    /// How many messages wait while there is no link; a further one is refused. Default 1024.
    #[must_use]
    pub fn outbox_messages(mut self, messages: usize) -> Self {
        self.outbox_messages = messages;
        self
    }

    /// How many bytes of messages wait while there is no link; a message beyond it is refused. Default 1 MiB.
    #[must_use]
    pub fn outbox_bytes(mut self, bytes: usize) -> Self {
        self.outbox_bytes = bytes;
        self
    }

    /// How many topics may be wanted at a time; a subscribe beyond it is refused. Default 1000. Whatever it is, at
    /// most [`RESUME_TOPICS`](crate::RESUME_TOPICS) of them may be logged topics.
    #[must_use]
    pub fn max_subscriptions(mut self, topics: usize) -> Self {
        self.max_subscriptions = topics;
        self
    }

    /// In how many conversations a status may be held at a time; a further one is refused. Default 256.
    #[must_use]
    pub fn max_activities(mut self, conversations: usize) -> Self {
        self.max_activities = conversations;
        self
    }

    /// Go on from a saved position: the very first dial asks for the resume layer. Default: none, the first link
    /// starts at the gateway's head.
    #[must_use]
    pub fn resume_from(mut self, position: SavedPosition) -> Self {
        self.resume_from = Some(position);
        self
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig::new()
    }
}

fn at_least_a_millisecond(duration: Duration) -> Duration {
    duration.max(Duration::from_millis(1))
}
