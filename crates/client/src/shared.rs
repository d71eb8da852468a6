//! The one lock between the application and the driver.
//!
//! Held for a batch of frames or one command, never across a socket, a future of the application's or a waker.

use core::fmt;
use core::task::{Context, Poll};
use std::sync::{Mutex, PoisonError};

use bowline_client_core::{ConnectionState, SavedPosition};
use tokio::sync::watch;

use crate::incoming::Incoming;
use crate::inner::{Acceptance, Inner};

pub(crate) struct Shared {
    inner: Mutex<Inner>,
    /// Kept to hand out copies.
    state: watch::Receiver<ConnectionState>,
    acceptance: watch::Receiver<Acceptance>,
}

impl Shared {
    pub(crate) fn new(
        inner: Inner,
        state: watch::Receiver<ConnectionState>,
        acceptance: watch::Receiver<Acceptance>,
    ) -> Self {
        Shared { inner: Mutex::new(inner), state, acceptance }
    }

    /// Does `work` under the lock and wakes whoever it concerns behind it.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        // A panic under the lock is a bug that has shown itself already; it must not take every caller with it.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut inner);
        let woken = inner.wakers.take();
        drop(inner);
        woken.wake();
        result
    }

    pub(crate) fn state(&self) -> watch::Receiver<ConnectionState> {
        let mut state = self.state.clone();
        // Whoever asks sees the value of now; what counts as a change is what comes after.
        state.mark_unchanged();
        state
    }

    pub(crate) fn acceptance(&self) -> watch::Receiver<Acceptance> {
        self.acceptance.clone()
    }

    pub(crate) fn position(&self) -> SavedPosition {
        self.with(|inner| inner.position())
    }

    pub(crate) fn add_reader(&self) -> u64 {
        self.with(|inner| inner.wakers.add_reader())
    }

    pub(crate) fn remove_reader(&self, key: u64) {
        self.with(|inner| inner.remove_reader(key));
    }

    pub(crate) fn poll_incoming(&self, key: u64, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.with(|inner| {
            if let Some(item) = inner.pop() {
                return Poll::Ready(Some(item));
            }
            if inner.is_over() {
                return Poll::Ready(None);
            }
            inner.wakers.reader_slept(key, cx.waker());
            Poll::Pending
        })
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}
