//! One direction of a wire: when the next parcel can be taken from it.

use core::time::Duration;
use std::collections::VecDeque;

use bowline_proto::Time;

use super::Parcel;

#[derive(Debug, Default)]
pub(super) struct Pipe {
    parcels: VecDeque<(Time, Parcel)>,
    /// Bytes that were sent and not yet taken.
    pub(super) bytes: usize,
    /// Parcels never overtake.
    last_due: Time,
    /// Nothing moves for the moment.
    pub(super) stalled: bool,
    /// The receiving end does not read for the moment.
    pub(super) unread: bool,
    /// Nothing arrives any more.
    pub(super) lost: bool,
    /// The receiving end learns that the connection is broken, whatever is under way.
    pub(super) breaks_at: Option<Time>,
    /// The receiving end has closed its socket.
    pub(super) closed: bool,
    /// How long the receiving end takes for a byte.
    pub(super) micros_a_byte: u64,
    /// Until then it is busy with the last parcel.
    busy_until: Time,
}

/// What can be taken now.
pub(super) enum Popped {
    Parcel(Parcel),
    /// Nothing; something wakes the receiver when there is.
    Nothing,
    /// Nothing before this time, of which nobody wakes the receiver.
    Later(Time),
}

impl Pipe {
    /// Puts a parcel behind the others; when it arrives.
    pub(super) fn push(&mut self, at: Time, parcel: Parcel) -> Time {
        let due = self.last_due.max(at);
        self.last_due = due;
        self.parcels.push_back((due, parcel));
        due
    }

    /// Takes what has arrived.
    pub(super) fn pop(&mut self, now: Time) -> Popped {
        if self.closed {
            return Popped::Nothing;
        }
        if self.breaks_at.is_some_and(|at| at <= now) {
            self.closed = true;
            return Popped::Parcel(Parcel::End);
        }
        let is_due = self.parcels.front().is_some_and(|(due, _)| *due <= now);
        if !is_due || self.stalled || self.unread || self.lost {
            return Popped::Nothing;
        }
        if self.micros_a_byte > 0 && now < self.busy_until {
            return Popped::Later(self.busy_until);
        }
        let Some((_, parcel)) = self.parcels.pop_front() else { return Popped::Nothing };
        self.bytes -= parcel.bytes();
        let takes = Duration::from_micros(self.micros_a_byte * parcel.bytes() as u64);
        self.busy_until = now + takes;
        if matches!(parcel, Parcel::End) {
            self.closed = true;
        }
        Popped::Parcel(parcel)
    }

    /// What is under way is lost.
    pub(super) fn drop_all(&mut self) {
        self.parcels.clear();
    }
}
