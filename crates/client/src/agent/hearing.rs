//! Who is told what, in which order.
//!
//! One task tells, one thing after another. A handler that panics is reported to `on_error`; one of `on_error` itself
//! only to the log.

use core::task::{Context, Poll};

use bowline_proto::{Event, Gap, Rejected, TypedEvent};

use crate::agent::error::AgentError;
use crate::agent::kinds::Kinds;
use crate::agent::news::{Subscribed, Unsubscribed};
use crate::agent::state::AgentState;
use crate::agent::typed::Typed;
use crate::emitter::{Emitter, EmitterStream, HandlerPanic};

pub(crate) struct Hearing {
    pub(crate) kinds: Kinds,
    pub(crate) any: Emitter<Event>,
    pub(crate) other: Emitter<Event>,
    events: Emitter<Typed<TypedEvent>>,
    pub(crate) state: Emitter<AgentState>,
    pub(crate) rejected: Emitter<Rejected>,
    pub(crate) subscribed: Emitter<Subscribed>,
    pub(crate) unsubscribed: Emitter<Unsubscribed>,
    pub(crate) gap: Emitter<Gap>,
    pub(crate) error: Emitter<AgentError>,
}

impl Hearing {
    pub(crate) fn new() -> Self {
        Hearing {
            kinds: Kinds::default(),
            any: Emitter::new("on_any"),
            other: Emitter::new("on_other"),
            events: Emitter::new("events"),
            state: Emitter::new("on_state_change"),
            rejected: Emitter::new("on_connection_rejected"),
            subscribed: Emitter::new("on_subscribe_ack"),
            unsubscribed: Emitter::new("on_unsubscribe_ack"),
            gap: Emitter::new("on_gap"),
            error: Emitter::new("on_error"),
        }
    }

    /// The typed events as a stream.
    pub(crate) fn events(&self) -> EmitterStream<Typed<TypedEvent>> {
        self.events.stream()
    }

    /// Ready when every stream has room.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.events.poll_room(cx)
    }

    /// Tells one value to the handlers of one emitter.
    pub(crate) fn tell<T: 'static>(&self, emitter: &Emitter<T>, value: &T) {
        self.report(emitter.emit(value));
    }

    pub(crate) fn tell_error(&self, error: &AgentError) {
        // A panic here has nowhere to go but the log, where the emitter has put it.
        drop(self.error.emit(error));
    }

    /// Everybody whom an event concerns: its type's handlers, those of unknown types, those of any, the streams.
    pub(crate) fn tell_event(&self, event: &Event) {
        let kind = self.kinds.of(&event.kind);
        let mut unfit = kind.and_then(|kind| kind.tell(event, |panics| self.report(panics)));
        if self.other.listener_count() > 0 && !is_known(&event.kind) {
            self.tell(&self.other, event);
        }
        self.tell(&self.any, event);
        if self.events.listener_count() > 0 {
            let (typed, why) = Typed::of_any_type(event);
            self.tell(&self.events, &typed);
            unfit = unfit.or(why);
        }
        if let Some(error) = unfit {
            self.tell_error(&AgentError::Payload(error));
        }
    }

    /// Nothing more will be told; streams end behind what they hold.
    pub(crate) fn end(&self) {
        self.kinds.end();
        self.any.end();
        self.other.end();
        self.events.end();
        self.state.end();
        self.rejected.end();
        self.subscribed.end();
        self.unsubscribed.end();
        self.gap.end();
        self.error.end();
    }

    fn report(&self, panics: Vec<HandlerPanic>) {
        for panic in panics {
            self.tell_error(&AgentError::Panicked(panic));
        }
    }
}

/// Whether the type has a struct of its own.
fn is_known(kind: &str) -> bool {
    bowline_proto::typed::KNOWN_KINDS.contains(&kind)
}
