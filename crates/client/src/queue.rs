//! What waits for the application, and where the application stands.
//!
//! Bounded by items and by bytes. Full means that the driver stops reading sockets, so the server's own buffers fill
//! and TCP slows it down: no event is ever dropped here. Notices do not come from reading alone (a lost link tells of
//! itself), so they have a bound of their own, behind which the ones that a reader can do without are left out.

use std::collections::VecDeque;

use bowline_client_core::Notice;
use bowline_proto::{Cursor, Event};

use crate::incoming::Incoming;

/// How many notices may wait beyond a full queue: about an hour of failing attempts at the default backoff.
const NOTICE_SLACK: usize = 256;
/// What an item counts beyond its text: about the size of its fields.
const ITEM_BYTES: usize = 256;

pub(crate) struct Queue {
    items: VecDeque<Queued>,
    /// Sum of the items' sizes.
    bytes: usize,
    max_items: usize,
    max_bytes: usize,
    /// Up to here everything has been handed to the application.
    handed: Option<Cursor>,
}

struct Queued {
    item: Incoming,
    /// Where a reader stands who has taken the item.
    cursor: Option<Cursor>,
    bytes: usize,
}

impl Queue {
    pub(crate) fn new(max_items: usize, max_bytes: usize, start: Option<Cursor>) -> Self {
        Queue {
            items: VecDeque::new(),
            bytes: 0,
            max_items: max_items.max(1),
            max_bytes: max_bytes.max(1),
            handed: start,
        }
    }

    pub(crate) fn push_event(&mut self, event: Event, cursor: Option<Cursor>) {
        let bytes = event.text.len() + ITEM_BYTES;
        self.push(Queued { item: Incoming::Event(event), cursor, bytes });
    }

    pub(crate) fn push_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Moved(cursor) => {
                // The newer position says all that the older one said.
                if let Some(Queued { item: Incoming::Moved(last), cursor: at, .. }) = self.items.back_mut() {
                    *last = cursor;
                    *at = Some(cursor);
                    return;
                }
                self.push(Queued { item: Incoming::Moved(cursor), cursor: Some(cursor), bytes: ITEM_BYTES });
            }
            Notice::Gap(gap) => {
                self.push(Queued { item: Incoming::Gap(gap), cursor: None, bytes: ITEM_BYTES });
            }
            other if self.items.len() < self.max_items.saturating_add(NOTICE_SLACK) => {
                self.push(Queued { item: Incoming::Notice(other), cursor: None, bytes: ITEM_BYTES });
            }
            left_out => tracing::debug!(?left_out, "nobody takes events: a notice was left out"),
        }
    }

    fn push(&mut self, queued: Queued) {
        self.bytes = self.bytes.saturating_add(queued.bytes);
        self.items.push_back(queued);
    }

    /// Hands the next item out; the position moves with it.
    pub(crate) fn pop(&mut self) -> Option<Incoming> {
        let queued = self.items.pop_front()?;
        self.bytes -= queued.bytes;
        if let Some(cursor) = queued.cursor {
            self.handed = Some(cursor);
        }
        Some(queued.item)
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.bytes = 0;
    }

    pub(crate) fn handed(&self) -> Option<Cursor> {
        self.handed
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.max_items || self.bytes >= self.max_bytes
    }

    /// Half empty again: reading may go on. The distance to full keeps the driver from pausing at every item.
    pub(crate) fn has_room(&self) -> bool {
        self.items.len() <= self.max_items / 2 && self.bytes <= self.max_bytes / 2
    }

    /// How many items and bytes may still come.
    pub(crate) fn room(&self) -> Room {
        Room {
            items: self.max_items.saturating_sub(self.items.len()),
            bytes: self.max_bytes.saturating_sub(self.bytes),
        }
    }
}

/// How much may be read before the queue is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

impl Room {
    /// No bound, for links whose events nobody will be handed.
    pub(crate) const UNLIMITED: Room = Room { items: usize::MAX, bytes: usize::MAX };

    pub(crate) fn is_used_up(self) -> bool {
        self.items == 0 || self.bytes == 0
    }

    pub(crate) fn take(&mut self, bytes: usize) {
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes + ITEM_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowline_proto::{Epoch, Seq};
    use bytes::Bytes;

    fn event(text: &str) -> Event {
        Event {
            kind: "message.new".into(),
            timestamp: "".into(),
            topic: None,
            place: None,
            payload: Bytes::new(),
            text: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn cursor(seq: u64) -> Cursor {
        Cursor { epoch: Epoch::from_bits(1), seq: Seq::new(seq).unwrap() }
    }

    #[test]
    fn the_position_moves_when_an_item_is_taken_and_not_before() {
        let mut queue = Queue::new(8, 1 << 20, Some(cursor(1)));
        queue.push_event(event("a"), Some(cursor(5)));
        queue.push_event(event("b"), None);
        assert_eq!(queue.handed(), Some(cursor(1)));
        queue.pop();
        assert_eq!(queue.handed(), Some(cursor(5)));
        queue.pop();
        assert_eq!(queue.handed(), Some(cursor(5)));
    }

    #[test]
    fn positions_that_nobody_took_yet_become_one() {
        let mut queue = Queue::new(8, 1 << 20, None);
        for seq in 1..100 {
            queue.push_notice(Notice::Moved(cursor(seq)));
        }
        assert!(matches!(queue.pop(), Some(Incoming::Moved(at)) if at == cursor(99)));
        assert!(queue.pop().is_none());
    }

    #[test]
    fn full_by_items_or_by_bytes_and_roomy_at_half() {
        let mut queue = Queue::new(4, 1 << 20, None);
        for _ in 0..4 {
            assert!(!queue.is_full());
            queue.push_event(event("x"), None);
        }
        assert!(queue.is_full() && queue.room().is_used_up());
        queue.pop();
        assert!(!queue.is_full() && !queue.has_room());
        queue.pop();
        assert!(queue.has_room());

        let mut queue = Queue::new(1000, 1024, None);
        queue.push_event(event(&"x".repeat(1024)), None);
        assert!(queue.is_full());
    }

    #[test]
    fn notices_that_nobody_takes_end_at_their_bound() {
        let mut queue = Queue::new(4, 1 << 20, None);
        for _ in 0..10_000 {
            queue.push_notice(Notice::HandoverStarted);
        }
        assert_eq!(queue.items.len(), 4 + NOTICE_SLACK);
    }
}
