//! Who is woken when the lock opens.
//!
//! Wakers are noted under the lock and called behind it: once for a whole batch of events, and never while somebody
//! else would have to wait.

use std::collections::BTreeMap;
use std::task::Waker;

#[derive(Default)]
pub(crate) struct Wakers {
    /// Streams, each with the waker of its last poll.
    readers: BTreeMap<u64, Option<Waker>>,
    next_reader: u64,
    /// The driver's, since it went to sleep.
    driver: Option<Waker>,
    /// Streams have something to look at.
    has_news: bool,
    /// The driver has something to do.
    has_work: bool,
}

impl Wakers {
    pub(crate) fn add_reader(&mut self) -> u64 {
        self.next_reader += 1;
        self.readers.insert(self.next_reader, None);
        self.next_reader
    }

    pub(crate) fn remove_reader(&mut self, key: u64) {
        self.readers.remove(&key);
        // Another stream may have to take what this one was woken for.
        self.has_news = true;
    }

    pub(crate) fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    pub(crate) fn reader_slept(&mut self, key: u64, waker: &Waker) {
        if let Some(slot) = self.readers.get_mut(&key) {
            match slot {
                Some(known) => known.clone_from(waker),
                None => *slot = Some(waker.clone()),
            }
        }
    }

    pub(crate) fn driver_slept(&mut self, waker: &Waker) {
        self.has_work = false;
        match &mut self.driver {
            Some(known) => known.clone_from(waker),
            None => self.driver = Some(waker.clone()),
        }
    }

    pub(crate) fn call_readers(&mut self) {
        self.has_news = true;
    }

    pub(crate) fn call_driver(&mut self) {
        self.has_work = true;
    }

    /// Everybody who must be woken; each of them once per sleep.
    pub(crate) fn take(&mut self) -> Woken {
        let driver = if core::mem::take(&mut self.has_work) { self.driver.take() } else { None };
        let readers = if core::mem::take(&mut self.has_news) {
            self.readers.values_mut().filter_map(Option::take).collect()
        } else {
            Vec::new()
        };
        Woken { driver, readers }
    }
}

/// Wakers on their way out of the lock.
pub(crate) struct Woken {
    driver: Option<Waker>,
    readers: Vec<Waker>,
}

impl Woken {
    pub(crate) fn wake(self) {
        self.driver.into_iter().chain(self.readers).for_each(Waker::wake);
    }
}
