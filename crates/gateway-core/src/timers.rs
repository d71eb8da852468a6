//! What falls due when: one queue for the whole shard.
//!
//! A socket has one entry at a time, for the earliest of its deadlines, and is armed again when that entry fires; so
//! nothing on the path of a delivery touches this queue. An entry whose subject has moved on is ignored when it fires.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use bowline_proto::Time;

use crate::keys::SessionKey;
use crate::vocabulary::ConnId;

/// A deadline. The order of the variants is the order among deadlines of the same microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The earliest deadline of a socket: see `liveness`.
    Socket(ConnId),
    /// Two sockets of a session stop counting once.
    Grace(SessionKey),
    /// A session without a socket is forgotten.
    Retention(SessionKey),
    /// The earliest lease of the conversation in this place of the table ends.
    Lease(usize),
    /// Everybody must be gone.
    DrainEnd,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BinaryHeap<Reverse<(Time, Timer)>>,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Time, timer: Timer) {
        self.queue.push(Reverse((at, timer)));
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest entry that is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(Time, Timer)> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse(entry)| entry)
    }
}
