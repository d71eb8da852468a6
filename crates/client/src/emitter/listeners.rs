//! The list of handlers, and how one value passes along it.
//!
//! A handler is taken out of its slot while it runs, so that no lock is held; the slot keeps its place. A slot that is
//! gone when the handler returns was unsubscribed meanwhile.

use core::any::Any;
use core::fmt;
use core::task::{Context, Poll, Waker};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::handler_panic::HandlerPanic;

pub(super) type Listener<T> = Box<dyn FnMut(&T) + Send>;

pub(super) struct Listeners<T> {
    /// For reports.
    name: &'static str,
    list: Mutex<List<T>>,
}

struct List<T> {
    /// In the order of subscription, which is that of the ids.
    slots: Vec<Slot<T>>,
    next_id: u64,
    is_ended: bool,
    /// Whoever waits for somebody to listen.
    arrival: Option<Waker>,
}

struct Slot<T> {
    id: u64,
    /// `None` while it runs.
    listener: Option<Listener<T>>,
}

impl<T> Listeners<T> {
    pub(super) fn new(name: &'static str) -> Self {
        let list = List { slots: Vec::new(), next_id: 0, is_ended: false, arrival: None };
        Listeners { name, list: Mutex::new(list) }
    }

    /// `None` when nothing will be told any more.
    pub(super) fn add(&self, listener: Listener<T>) -> Option<u64> {
        let mut list = self.lock();
        if list.is_ended {
            drop(list);
            // Behind the lock: what the handler holds may have a `Drop` that comes back here.
            drop(listener);
            return None;
        }
        let id = list.next_id;
        list.next_id += 1;
        list.slots.push(Slot { id, listener: Some(listener) });
        let arrival = list.arrival.take();
        drop(list);
        if let Some(arrival) = arrival {
            arrival.wake();
        }
        Some(id)
    }

    pub(super) fn poll_arrival(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut list = self.lock();
        if !list.slots.is_empty() {
            return Poll::Ready(());
        }
        list.arrival = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn count(&self) -> usize {
        self.lock().slots.len()
    }

    pub(super) fn remove(&self, id: u64) {
        let removed = self.lock().remove(id);
        drop(removed);
    }

    pub(super) fn end(&self) {
        let mut list = self.lock();
        list.is_ended = true;
        let slots = core::mem::take(&mut list.slots);
        drop(list);
        drop(slots);
    }

    pub(super) fn call(&self, value: &T) -> Vec<HandlerPanic> {
        let mut panics = Vec::new();
        let mut list = self.lock();
        // Whoever subscribes from now on hears from the next value on.
        let end = list.next_id;
        let mut taken = list.take_from(0, end);
        drop(list);
        while let Some((id, mut listener)) = taken {
            panics.extend(self.contain(|| listener(value)));
            let mut list = self.lock();
            let unsubscribed = list.put_back(id, listener);
            taken = list.take_from(id + 1, end);
            drop(list);
            panics.extend(self.contain(|| drop(unsubscribed)));
        }
        panics
    }

    fn contain(&self, work: impl FnOnce()) -> Option<HandlerPanic> {
        let panic = catch_unwind(AssertUnwindSafe(work)).err()?;
        let message = words(&*panic);
        // What was thrown may throw again when it is dropped; then its memory is the price.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            core::mem::forget(again);
        }
        // The message may quote a payload: it goes to the application only.
        tracing::error!(emitter = self.name, "a handler panicked; it stays subscribed");
        Some(HandlerPanic { emitter: self.name, message })
    }

    fn lock(&self) -> MutexGuard<'_, List<T>> {
        // Nothing of the application's runs under the lock, so nothing is half done in it.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> List<T> {
    fn position(&self, id: u64) -> usize {
        self.slots.partition_point(|slot| slot.id < id)
    }

    fn remove(&mut self, id: u64) -> Option<Slot<T>> {
        let position = self.position(id);
        let is_there = self.slots.get(position).is_some_and(|slot| slot.id == id);
        is_there.then(|| self.slots.remove(position))
    }

    /// The first listener that is not running, among those from `id` on and before `end`.
    fn take_from(&mut self, id: u64, end: u64) -> Option<(u64, Listener<T>)> {
        let position = self.position(id);
        self.slots[position..]
            .iter_mut()
            .take_while(|slot| slot.id < end)
            .find_map(|slot| slot.listener.take().map(|listener| (slot.id, listener)))
    }

    /// Gives the listener back to the caller when its slot is gone.
    fn put_back(&mut self, id: u64, listener: Listener<T>) -> Option<Listener<T>> {
        let position = self.position(id);
        match self.slots.get_mut(position) {
            Some(slot) if slot.id == id => slot.listener.replace(listener),
            Some(_) | None => Some(listener),
        }
    }
}

impl<T> fmt::Debug for Listeners<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.count(), self.name)
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no text)").to_owned()
}
