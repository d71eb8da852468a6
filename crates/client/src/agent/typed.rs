//! What a handler of a typed event is given: the payload's members, with the envelope beside them.

use core::fmt;
use core::ops::Deref;

use bowline_proto::{Event, EventKind, EventPayload, EventTime, PayloadError, Seq, Topic, TypedEvent};

/// An event whose payload has been read. The payload's members are directly on it:
///
/// ```
/// use bowline::Typed;
/// use bowline::event::MessageNew;
///
/// fn show(event: &Typed<MessageNew>) {
///     let text = event.content.text.as_deref().unwrap_or("(no text)");
///     println!("{} [{}] {}: {text}", event.timestamp, event.conversation_id, event.sender_id);
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Typed<P> {
    /// The type, such as `message.new`.
    pub kind: EventKind,
    /// RFC 3339 UTC as the gateway wrote it; empty when the server sent none.
    pub timestamp: EventTime,
    /// The topic; plain servers may send none.
    pub topic: Option<Topic>,
    /// The event's position in the gateway's log; `None` for signals and on plain servers.
    pub seq: Option<Seq>,
    /// What the event says; its members are also directly on this.
    pub payload: P,
}

impl<P> Typed<P> {
    fn around(event: &Event, payload: P) -> Self {
        Typed {
            kind: event.kind.clone(),
            timestamp: event.timestamp.clone(),
            topic: event.topic.clone(),
            seq: event.place.map(|place| place.seq),
            payload,
        }
    }
}

impl<P: EventPayload> Typed<P> {
    /// Reads `event` as a `P`, whatever its type says: for events taken raw.
    ///
    /// # Errors
    /// [`PayloadError`] names the member that does not fit.
    pub fn read(event: &Event) -> Result<Self, PayloadError> {
        Ok(Typed::around(event, P::decode(event)?))
    }
}

impl Typed<TypedEvent> {
    /// Reads `event` as its type says. A payload that does not fit stays raw, as [`TypedEvent::Other`], and the second
    /// value says why.
    pub(crate) fn of_any_type(event: &Event) -> (Self, Option<PayloadError>) {
        match TypedEvent::decode(event) {
            Ok(payload) => (Typed::around(event, payload), None),
            Err(error) => {
                let raw = TypedEvent::Other { kind: event.kind.clone(), payload: event.payload.clone() };
                (Typed::around(event, raw), Some(error))
            }
        }
    }
}

impl<P> Deref for Typed<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.payload
    }
}

/// Shows the envelope, never the payload.
impl<P> fmt::Debug for Typed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed")
            .field("kind", &self.kind)
            .field("timestamp", &self.timestamp)
            .field("topic", &self.topic)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}
