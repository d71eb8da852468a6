//! Who listens to which type of event, and how often a payload is read: once for all handlers of a struct, and not at
//! all where there is none.

use core::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_proto::{Event, EventPayload, PayloadError};

use crate::agent::typed::Typed;
use crate::emitter::{Emitter, HandlerPanic, Subscription};

/// Listeners by type of event. A type that was asked for once stays known: there are as many as the program names.
#[derive(Default)]
pub(crate) struct Kinds {
    map: Mutex<HashMap<Box<str>, Arc<Kind>>>,
}

/// Replaced as a whole when a struct joins, so that nothing is locked while handlers run.
#[derive(Clone)]
pub(crate) struct Kind {
    raw: Emitter<Event>,
    readers: Vec<Arc<dyn Reader>>,
}

/// The listeners of one struct, behind a pointer.
trait Reader: Any + Send + Sync {
    /// Reads the payload if anybody listens, and tells them.
    fn tell(&self, event: &Event) -> Result<Vec<HandlerPanic>, PayloadError>;
    fn end(&self);
}

struct ReaderOf<P>(Emitter<Typed<P>>);

impl<P: EventPayload + 'static> Reader for ReaderOf<P> {
    fn tell(&self, event: &Event) -> Result<Vec<HandlerPanic>, PayloadError> {
        if self.0.listener_count() == 0 {
            return Ok(Vec::new());
        }
        Ok(self.0.emit(&Typed::<P>::read(event)?))
    }

    fn end(&self) {
        self.0.end();
    }
}

impl Kinds {
    pub(crate) fn on<P: EventPayload + 'static>(
        &self,
        handler: impl FnMut(&Typed<P>) + Send + 'static,
    ) -> Subscription {
        let emitter = {
            let mut map = self.lock();
            Arc::make_mut(map.entry(P::KIND.into()).or_default()).emitter()
        };
        emitter.subscribe(handler)
    }

    pub(crate) fn on_kind(&self, kind: &str, handler: impl FnMut(&Event) + Send + 'static) -> Subscription {
        let raw = self.lock().entry(kind.into()).or_default().raw.clone();
        raw.subscribe(handler)
    }

    /// Who listens to `kind`, if anybody ever did.
    pub(crate) fn of(&self, kind: &str) -> Option<Arc<Kind>> {
        self.lock().get(kind).cloned()
    }

    pub(crate) fn end(&self) {
        let kinds = core::mem::take(&mut *self.lock());
        for kind in kinds.into_values() {
            kind.raw.end();
            kind.readers.iter().for_each(|reader| reader.end());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Kind>>> {
        // Nothing of the application's runs under the lock, so nothing is half done in it.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    /// The emitter of `P`, made when it is the first wish for it.
    fn emitter<P: EventPayload + 'static>(&mut self) -> Emitter<Typed<P>> {
        let known = self.readers.iter().find_map(|reader| {
            let reader: &dyn Any = &**reader;
            reader.downcast_ref::<ReaderOf<P>>()
        });
        if let Some(known) = known {
            return known.0.clone();
        }
        let emitter = Emitter::new(P::KIND);
        self.readers.push(Arc::new(ReaderOf(emitter.clone())));
        emitter
    }

    /// Tells everybody: first the handlers of structs, then those of the raw event.
    pub(crate) fn tell(
        &self,
        event: &Event,
        mut panicked: impl FnMut(Vec<HandlerPanic>),
    ) -> Option<PayloadError> {
        let mut unfit = None;
        for reader in &self.readers {
            match reader.tell(event) {
                Ok(panics) => panicked(panics),
                Err(error) => unfit = Some(error),
            }
        }
        panicked(self.raw.emit(event));
        unfit
    }
}

impl Default for Kind {
    fn default() -> Self {
        Kind { raw: Emitter::new("on_kind"), readers: Vec::new() }
    }
}
