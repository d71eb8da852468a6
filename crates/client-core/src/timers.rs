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
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// By the discriminant of [`Timer`].
    at: [Option<Time>; Timer::ALL.len()],
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Time) {
        self.at[timer as usize] = Some(at);
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.at[timer as usize] = None;
    }

    pub(crate) fn clear_all(&mut self) {
        self.at = Default::default();
    }

    /// The next deadline. [`Time::MAX`] is never: it does not count.
    pub(crate) fn next(&self) -> Option<Deadline> {
        Timer::ALL
            .into_iter()
            .filter_map(|timer| self.at[timer as usize].map(|at| Deadline { at, timer }))
            .filter(|deadline| deadline.at < Time::MAX)
            .min_by_key(|deadline| deadline.at)
    }

    /// Names every deadline that has passed, the earliest first. Each at most once, so that a call of `handle_timeout` is
    /// bounded whatever the fired ones arm.
    pub(crate) fn due(&self, now: Time) -> Vec<Timer> {
        let mut due: Vec<Deadline> = Vec::new();
        for timer in Timer::ALL {
            if let Some(at) = self.at[timer as usize].filter(|at| *at <= now && *at < Time::MAX) {
                due.push(Deadline { at, timer });
            }
        }
        due.sort_by_key(|deadline| deadline.at);
        due.into_iter().map(|deadline| deadline.timer).collect()
    }

    /// Whether `timer` has passed and is still armed; disarms it. An earlier one of the same turn may have moved it.
    pub(crate) fn fire(&mut self, timer: Timer, now: Time) -> bool {
        let slot = &mut self.at[timer as usize];
        let is_due = slot.is_some_and(|at| at <= now);
        if is_due {
            *slot = None;
        }
        is_due
    }
}
