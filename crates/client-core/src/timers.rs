//! Which deadlines a connection has, and which is next.

use bowline_proto::Time;

/// A deadline of the core's: one variant each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The token provider has taken too long.
    Credential,
    /// The dial has taken too long.
    Dial,
    /// `connection.accepted`, or the close that follows a rejection, has taken too long.
    Accept,
    /// The next attempt is due: the one gate of every retry.
    Reconnect,
    /// A handover, or the next try of one, is due.
    HandOver,
    /// Nothing was heard for a heartbeat, or the keepalive is due: ping.
    Ping,
    /// The answer to a ping has taken too long.
    Pong,
    /// A retired link has taken too long to close.
    Retire,
    /// The links have taken too long to close after `Close`.
    Close,
    /// An activity is to be said again.
    Activity,
}

impl Timer {
    const ALL: [Timer; 10] = [
        Timer::Credential,
        Timer::Dial,
        Timer::Accept,
        Timer::Reconnect,
        Timer::HandOver,
        Timer::Ping,
        Timer::Pong,
        Timer::Retire,
        Timer::Close,
        Timer::Activity,
    ];
}

/// When the driver is to call `handle_timeout`, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Time,
    /// What for: for logs and tests.
    pub timer: Timer,
}

/// Every armed deadline.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    /// By the discriminant of [`Timer`]; [`Time::MAX`] is never.
    at: [Time; Timer::ALL.len()],
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Time) {
        self.at[timer as usize] = at;
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.at[timer as usize] = Time::MAX;
    }

    pub(crate) fn clear_all(&mut self) {
        *self = Timers::default();
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Deadline> {
        let mut next = Deadline { at: Time::MAX, timer: Timer::Credential };
        for timer in Timer::ALL {
            let at = self.at[timer as usize];
            if at < next.at {
                next = Deadline { at, timer };
            }
        }
        (next.at < Time::MAX).then_some(next)
    }

    /// Whether `timer` has passed and is still armed; disarms it. An earlier one of the same turn may have moved it.
    pub(crate) fn fire(&mut self, timer: Timer, now: Time) -> bool {
        let slot = &mut self.at[timer as usize];
        let is_due = *slot <= now && *slot < Time::MAX;
        if is_due {
            *slot = Time::MAX;
        }
        is_due
    }
}

impl Default for Timers {
    /// None is armed.
    fn default() -> Self {
        Timers { at: [Time::MAX; Timer::ALL.len()] }
    }
}
