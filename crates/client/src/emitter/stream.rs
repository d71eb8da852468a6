//! What waits for a reader of an emitter's stream, and when it is too much.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_core::Stream;

use super::listeners::Listeners;
use super::subscription::Subscription;

/// The values of an emitter as a stream, made by [`Emitter::stream`](crate::Emitter::stream). Dropping it unsubscribes.
#[must_use = "streams do nothing unless polled"]
pub struct EmitterStream<T> {
    waiting: Arc<Mutex<Waiting<T>>>,
    pressure: Arc<Pressure>,
    _subscription: Subscription,
}

struct Waiting<T> {
    values: VecDeque<T>,
    reader: Option<Waker>,
    /// It counts in the emitter's [`Pressure`].
    is_full: bool,
    is_ended: bool,
}

impl<T> EmitterStream<T> {
    /// How many values wait before the stream is full: half a second of a busy conversation.
    pub const STREAM_ITEMS: usize = 1024;
}

impl<T: Clone + Send + 'static> EmitterStream<T> {
    pub(super) fn new(listeners: Arc<Listeners<T>>, pressure: Arc<Pressure>) -> Self {
        let waiting = Arc::new(Mutex::new(Waiting {
            values: VecDeque::new(),
            reader: None,
            is_full: false,
            is_ended: false,
        }));
        let feeder = Feeder { waiting: waiting.clone(), pressure: pressure.clone() };
        let subscription =
            Subscription::new(listeners, Box::new(move |value: &T| feeder.push(value.clone())));
        EmitterStream { waiting, pressure, _subscription: subscription }
    }
}

impl<T> Stream for EmitterStream<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut waiting = lock(&self.waiting);
        let Some(value) = waiting.values.pop_front() else {
            if waiting.is_ended {
                return Poll::Ready(None);
            }
            waiting.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        // Half empty: the distance to full keeps the two sides from taking turns at every value.
        let has_room_again = waiting.is_full && waiting.values.len() <= Self::STREAM_ITEMS / 2;
        if has_room_again {
            waiting.is_full = false;
        }
        drop(waiting);
        if has_room_again {
            self.pressure.one_less();
        }
        Poll::Ready(Some(value))
    }
}

impl<T> Drop for EmitterStream<T> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        // What is pushed from now on goes nowhere.
        waiting.is_ended = true;
        let was_full = core::mem::take(&mut waiting.is_full);
        let values = core::mem::take(&mut waiting.values);
        drop(waiting);
        drop(values);
        if was_full {
            self.pressure.one_less();
        }
    }
}

impl<T> fmt::Debug for EmitterStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmitterStream").finish_non_exhaustive()
    }
}

/// The emitter's side; dropped when the emitter ends.
struct Feeder<T> {
    waiting: Arc<Mutex<Waiting<T>>>,
    pressure: Arc<Pressure>,
}

impl<T> Feeder<T> {
    fn push(&self, value: T) {
        let mut waiting = lock(&self.waiting);
        if waiting.is_ended {
            return;
        }
        waiting.values.push_back(value);
        let fills_up = !waiting.is_full && waiting.values.len() >= EmitterStream::<T>::STREAM_ITEMS;
        if fills_up {
            waiting.is_full = true;
            // Under the lock, so that the reader cannot make room before it is counted.
            self.pressure.one_more();
        }
        let reader = waiting.reader.take();
        drop(waiting);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<T> Drop for Feeder<T> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        waiting.is_ended = true;
        let was_full = core::mem::take(&mut waiting.is_full);
        let reader = waiting.reader.take();
        drop(waiting);
        if was_full {
            self.pressure.one_less();
        }
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// How many of an emitter's streams are full.
#[derive(Default)]
pub(super) struct Pressure {
    full: Mutex<Full>,
}

#[derive(Default)]
struct Full {
    streams: usize,
    /// Whoever tells, while it waits.
    teller: Option<Waker>,
}

impl Pressure {
    pub(super) fn has_room(&self) -> bool {
        lock(&self.full).streams == 0
    }

    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut full = lock(&self.full);
        if full.streams == 0 {
            return Poll::Ready(());
        }
        full.teller = Some(cx.waker().clone());
        Poll::Pending
    }

    fn one_more(&self) {
        lock(&self.full).streams += 1;
    }

    fn one_less(&self) {
        let mut full = lock(&self.full);
        full.streams -= 1;
        let teller = if full.streams == 0 { full.teller.take() } else { None };
        drop(full);
        if let Some(teller) = teller {
            teller.wake();
        }
    }
}

/// A panic under one of these locks is a bug that has shown itself already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
