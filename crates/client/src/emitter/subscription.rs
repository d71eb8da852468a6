//! When a handler stops hearing: with its guard, or with the emitter.

use core::fmt;
use std::sync::{Arc, Weak};

use super::listeners::{Listener, Listeners};

/// Keeps a handler subscribed. Dropping it unsubscribes, so bind it to a name (not to `_`) or [`detach`](Self::detach)
/// it.
///
/// Once unsubscribed, a handler is not called any more; one that is running in the socket's task at that moment
/// finishes.
#[must_use = "dropping a subscription ends it: keep it, or `detach` it"]
pub struct Subscription {
    /// `None` once it has ended or was detached.
    ends: Option<(Weak<dyn Unsubscribe>, u64)>,
}

impl Subscription {
    pub(super) fn new<T: 'static>(listeners: Arc<Listeners<T>>, listener: Listener<T>) -> Self {
        let id = listeners.add(listener);
        let listeners: Arc<dyn Unsubscribe> = listeners;
        Subscription { ends: id.map(|id| (Arc::downgrade(&listeners), id)) }
    }

    /// Stops listening. The same as dropping it, aloud.
    pub fn unsubscribe(self) {
        drop(self);
    }

    /// Lets the handler listen for as long as the socket lives.
    pub fn detach(mut self) {
        self.ends = None;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some((listeners, id)) = self.ends.take()
            && let Some(listeners) = listeners.upgrade()
        {
            listeners.unsubscribe(id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

/// [`Listeners`] without the type of their values.
trait Unsubscribe: Send + Sync {
    fn unsubscribe(&self, id: u64);
}

impl<T> Unsubscribe for Listeners<T> {
    fn unsubscribe(&self, id: u64) {
        self.remove(id);
    }
}
