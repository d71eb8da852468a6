//! Which sockets a client has open. It holds them weakly: a socket lives as long as its handles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::managed::life::Life;

#[derive(Default)]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    lives: BTreeMap<u64, Weak<Life>>,
    next_id: u64,
}

impl Registry {
    /// The entry goes when what is answered is dropped.
    pub(crate) fn add(self: &Arc<Self>, life: &Arc<Life>) -> Entry {
        let mut entries = self.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.lives.insert(id, Arc::downgrade(life));
        Entry { registry: Arc::downgrade(self), id }
    }

    pub(crate) fn lives(&self) -> Vec<Arc<Life>> {
        self.lock().lives.values().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Nothing of the application's runs under the lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket's place in the registry.
pub(crate) struct Entry {
    registry: Weak<Registry>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.lock().lives.remove(&self.id);
        }
    }
}
