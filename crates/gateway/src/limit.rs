//! How many connections a node holds at most, whatever they turn out to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts open connections: WebSockets, HTTP and those still in their handshake.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

/// One counted connection; gives its place back when dropped. Embedded sockets have a seat as well.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Seats {
    /// At most `limit` at a time.
    pub(crate) fn new(limit: usize) -> Self {
        Seats { taken: Arc::default(), limit }
    }

    /// A place, or `None` when all are taken.
    pub(crate) fn take(&self) -> Option<Seat> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(Arc::clone(&self.taken));
        (before < self.limit).then_some(seat)
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Seat {
    /// A place outside the limit.
    pub(crate) fn uncounted() -> Seat {
        Seat(Arc::new(AtomicUsize::new(1)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_is_dropped_can_be_taken_again() {
        let seats = Seats::new(1);
        let first = seats.take().unwrap();
        assert!(seats.take().is_none());
        drop(first);
        assert!(seats.take().is_some());
    }
}
