//! What other threads hand to a shard: the log's tail, sockets, signals, answers.
//!
//! One lock and one wake-up for all of it; the shard takes everything at once at the start of a tick. Every part is
//! bounded. When the tail is full it is thrown away and the core is told up to where: readers then reread the log, so
//! nothing is lost. When signals are full, new ones are dropped: a signal is a passing state, and its lease ends by
//! itself. Sockets are bounded by the connection limit, answers by one question per socket, the rest by their senders.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_gateway_core::{ConnId, Hello, Shared};
use bowline_proto::{Account, Epoch, Page, Record, Seq};
use tokio::sync::Notify;

use crate::shard::socket::Detached;

/// The most text of the tail that waits for a shard: about a second of a saturated log.
const TAIL_BYTES: usize = 8 * 1024 * 1024;
/// The most signals that wait for a shard.
const SIGNALS: usize = 4096;

/// A socket that was upgraded, on its way to the shard of its account.
#[derive(Debug)]
pub(crate) struct Newcomer {
    /// The socket.
    pub(crate) socket: Detached,
    /// What comes with it.
    pub(crate) arrival: Arrival,
}

/// What comes with a socket.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The answer to its upgrade, to be written first; empty when another HTTP server has sent it.
    pub(crate) answer: Vec<u8>,
    /// Bytes that came behind the head of the request.
    pub(crate) read_ahead: Vec<u8>,
    /// Who and what; its grants are read by the shard itself.
    pub(crate) hello: Box<Hello>,
    /// Counts it against the connection limit.
    pub(crate) seat: crate::limit::Seat,
}

/// An order of the node to one shard.
#[derive(Debug)]
pub(crate) enum NodeOrder {
    /// Close this account's sockets.
    Disconnect(Account),
    /// Move everybody away.
    Drain(Duration),
    /// End the thread.
    Stop,
}

/// What waits for a shard.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// The log was recovered: where it stood then. Everything of its tail before is void.
    pub(crate) reopened: Option<(Epoch, Seq)>,
    /// The log's tail, in order, behind `reopened` and `skipped`.
    pub(crate) tail: Vec<Arc<[Record]>>,
    /// The tail overflowed up to here.
    pub(crate) skipped: Option<Seq>,
    /// Upgraded sockets.
    pub(crate) newcomers: Vec<Newcomer>,
    /// Signals of other shards and of the HTTP API.
    pub(crate) signals: Vec<Shared>,
    /// Answers of the log; `None`: the read failed.
    pub(crate) pages: Vec<(ConnId, Option<Page>)>,
    /// Orders of the node.
    pub(crate) orders: Vec<NodeOrder>,
    tail_bytes: usize,
}

impl Mail {
    fn restart_tail(&mut self, epoch: Epoch, head: Seq) {
        self.reopened = Some((epoch, head));
        self.skipped = None;
        self.tail.clear();
        self.tail_bytes = 0;
    }

    fn push_tail(&mut self, records: Arc<[Record]>, limit: usize) -> bool {
        let Some(last) = records.last() else { return false };
        self.tail_bytes += records.iter().map(text_bytes).sum::<usize>();
        if self.tail_bytes <= limit {
            self.tail.push(records);
            return false;
        }
        self.skipped = Some(last.seq());
        self.tail.clear();
        self.tail_bytes = 0;
        true
    }
}

/// What a record weighs in memory, about.
fn text_bytes(record: &Record) -> usize {
    const RECORD: usize = mem::size_of::<Record>();
    match record {
        Record::Event(event) => RECORD + event.text.len(),
        Record::Granted { .. } | Record::Revoked { .. } => RECORD,
    }
}

/// The shared end of a shard.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    mail: Mutex<Mail>,
    /// Wakes the shard's tick.
    bell: Notify,
}

impl Inbox {
    /// Hands over committed records. Returns whether the tail overflowed.
    pub(crate) fn push_tail(&self, records: Arc<[Record]>) -> bool {
        let overflowed = self.open().push_tail(records, TAIL_BYTES);
        self.ring();
        overflowed
    }

    /// The log was recovered and goes on behind `head`.
    pub(crate) fn restart_tail(&self, epoch: Epoch, head: Seq) {
        self.open().restart_tail(epoch, head);
        self.ring();
    }

    /// Hands over a socket.
    pub(crate) fn push_newcomer(&self, newcomer: Newcomer) {
        self.open().newcomers.push(newcomer);
        self.ring();
    }

    /// Hands over a signal; returns whether there was room.
    pub(crate) fn push_signal(&self, signal: Shared) -> bool {
        let mut mail = self.open();
        let has_room = mail.signals.len() < SIGNALS;
        if has_room {
            mail.signals.push(signal);
        }
        drop(mail);
        self.ring();
        has_room
    }

    /// Hands over what the log answered.
    pub(crate) fn push_page(&self, conn: ConnId, page: Option<Page>) {
        self.open().pages.push((conn, page));
        self.ring();
    }

    /// Gives an order.
    pub(crate) fn order(&self, order: NodeOrder) {
        self.open().orders.push(order);
        self.ring();
    }

    /// Takes everything that waits; the tail only when the shard is done with what it took before (or that is void), so
    /// that the bound holds for both together.
    pub(crate) fn take(&self, with_tail: bool) -> Mail {
        let mail = &mut *self.open();
        let mut taken = mem::take(mail);
        if !with_tail && taken.reopened.is_none() {
            mail.tail = mem::take(&mut taken.tail);
            mail.skipped = taken.skipped.take();
            mail.tail_bytes = mem::take(&mut taken.tail_bytes);
        }
        taken
    }

    /// Makes the next [`Inbox::rung`] return.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Waits until something came since the last call.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    fn open(&self) -> MutexGuard<'_, Mail> {
        // Nothing panics while it holds the lock; mail is consistent after every line above.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bowline_proto::{LoggedEvent, Topic};
    use bytes::Bytes;

    use super::*;

    fn run(first: u64, count: u64) -> Arc<[Record]> {
        (first..first + count)
            .map(|seq| {
                Record::Event(LoggedEvent {
                    seq: Seq::new(seq).unwrap(),
                    prev: Seq::ZERO,
                    topic: Topic::new("conv:c1").unwrap(),
                    text: Bytes::from_static(&[b'x'; 100]),
                })
            })
            .collect()
    }

    #[test]
    fn a_tail_that_overflows_is_dropped_up_to_its_last_record_and_goes_on_behind_it() {
        let mut mail = Mail::default();
        assert!(!mail.push_tail(run(1, 3), 1000));
        assert!(mail.push_tail(run(4, 3), 1000));
        assert!(!mail.push_tail(run(7, 2), 1000));
        assert_eq!(mail.skipped, Seq::new(6));
        assert_eq!(mail.tail.len(), 1);
        assert_eq!(mail.tail[0][0].seq().get(), 7);
    }

    #[test]
    fn a_recovered_log_makes_the_tail_before_it_void() {
        let mut mail = Mail::default();
        mail.push_tail(run(1, 30), 1000);
        mail.push_tail(run(31, 3), 1000);
        mail.restart_tail(Epoch::from_bits(2), Seq::new(20).unwrap());
        mail.push_tail(run(21, 1), 1000);
        assert_eq!(mail.skipped, None);
        assert_eq!(mail.tail.len(), 1);
        assert!(mail.reopened.is_some());
    }

    #[test]
    fn signals_beyond_the_bound_are_refused() {
        let inbox = Inbox::default();
        let signal = Shared::Signal { topic: Topic::new("conv_ondemand:c").unwrap(), text: Bytes::new() };
        for _ in 0..SIGNALS {
            assert!(inbox.push_signal(signal.clone()));
        }
        assert!(!inbox.push_signal(signal));
    }
}
