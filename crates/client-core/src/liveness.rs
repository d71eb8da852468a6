//! When a link counts as dead.
//!
//! With a heartbeat H announced: any bytes prove life; after H of silence a ping; no bytes for the pong deadline (5 s, at
//! most 1.5 H) after it and the link is dead, so that a half-open link is noticed within 2.5 H. Without one (plain
//! servers): a ping every keepalive (5 min), and a missing pong proves death only where a pong was ever seen, because
//! not every server answers.

use core::time::Duration;

use bowline_proto::Time;

use crate::config::ClientConfig;
use crate::timers::{Timer, Timers};

/// A heartbeat below this is taken as this: a peer must not be able to make us ping without end.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);

/// Watches one accepted link.
#[derive(Debug)]
pub(crate) struct Liveness {
    pace: Pace,
    awaits: Awaits,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    /// Each end must be heard this often.
    Heartbeat(Duration),
    /// Nobody promised anything.
    Keepalive(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// The time to ping.
    Silence,
    /// Bytes, after a ping whose answer decides.
    Pong,
    /// The driver, which has stopped reading.
    Reading,
}

/// Whether the server is known to answer pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// A pong was seen.
    AnswersPings,
    /// None yet.
    Unknown,
}

impl Liveness {
    /// Starts to watch a link that was accepted now.
    pub(crate) fn new(
        now: Time,
        heartbeat: Option<Duration>,
        config: &ClientConfig,
        timers: &mut Timers,
    ) -> Self {
        let pace = match heartbeat {
            Some(every) => Pace::Heartbeat(every.max(SHORTEST_HEARTBEAT)),
            None => Pace::Keepalive(config.keepalive),
        };
        let mut liveness = Liveness { pace, awaits: Awaits::Silence };
        liveness.restart(now, timers);
        liveness
    }

    /// Bytes came.
    pub(crate) fn heard(&mut self, now: Time, timers: &mut Timers) {
        if self.awaits == Awaits::Reading {
            return;
        }
        if self.awaits == Awaits::Pong {
            self.awaits = Awaits::Silence;
            timers.clear(Timer::Pong);
        }
        // A keepalive is for the peer's idle timeout: what we hear does not put it off.
        if let Pace::Heartbeat(every) = self.pace {
            timers.set(Timer::Ping, now + every);
        }
    }

    /// A ping is being sent: because it was due, or to probe the link.
    pub(crate) fn pinged(&mut self, now: Time, manners: Manners, config: &ClientConfig, timers: &mut Timers) {
        if self.awaits == Awaits::Reading {
            return;
        }
        let (patience, decides) = match self.pace {
            Pace::Heartbeat(every) => {
                timers.clear(Timer::Ping);
                (config.pong_deadline.min(every.saturating_add(every / 2)), true)
            }
            Pace::Keepalive(every) => {
                timers.set(Timer::Ping, now + every);
                (config.pong_deadline, manners == Manners::AnswersPings)
            }
        };
        // A ping that is already on its way keeps its deadline: a second one must not give a dead link more time.
        if decides && self.awaits == Awaits::Silence {
            self.awaits = Awaits::Pong;
            timers.set(Timer::Pong, now + patience);
        }
    }

    /// The driver stopped reading: silence proves nothing.
    pub(crate) fn pause(&mut self, timers: &mut Timers) {
        self.awaits = Awaits::Reading;
        timers.clear(Timer::Ping);
        timers.clear(Timer::Pong);
    }

    /// The driver reads again.
    pub(crate) fn restart(&mut self, now: Time, timers: &mut Timers) {
        self.awaits = Awaits::Silence;
        timers.clear(Timer::Pong);
        match self.pace {
            Pace::Heartbeat(every) | Pace::Keepalive(every) => timers.set(Timer::Ping, now + every),
        }
    }
}
