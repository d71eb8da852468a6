//! What the frames of one link have in common, so that it is made once: their topics, and types of the application's own.

use bytes::Bytes;

use crate::event::Event;
use crate::event_kind::EventKind;
use crate::json::decode_server::decode;
use crate::json::digest::digest;
use crate::json::error::DecodeError;
use crate::limits::Limits;
use crate::server_frame::ServerFrame;
use crate::topic::Topic;

/// Names remembered of each sort. A link of more topics makes some of them anew: 64 slots take 1 KiB, and a busy minute
/// seldom has more conversations.
const SLOTS: usize = 64;

/// Reads the messages of one link, as [`decode_server_frame`](crate::decode_server_frame) does, and remembers the names
/// that they use: an event whose topic has been seen lately is read without any allocation.
///
/// ```
/// use bowline_proto::{FrameDecoder, Limits, ServerFrame};
/// use bytes::Bytes;
///
/// let mut decoder = FrameDecoder::new(Limits::default());
/// let text = Bytes::from_static(br#"{"type":"message.new","topic":"conv:c1","payload":{}}"#);
/// let Ok(ServerFrame::Event { body, .. }) = decoder.decode(&text) else { panic!() };
/// assert_eq!(body.kind, "message.new");
/// ```
#[derive(Debug)]
pub struct FrameDecoder {
    limits: Limits,
    names: Names,
}

impl FrameDecoder {
    /// A decoder that remembers nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        FrameDecoder { limits, names: Names::of(SLOTS) }
    }

    /// Reads one message. An event's payload and text are slices of `text`.
    ///
    /// # Errors
    /// [`DecodeError`] says which rule it breaks.
    pub fn decode(&mut self, text: &Bytes) -> Result<ServerFrame<Event>, DecodeError> {
        decode(text, &self.limits, &mut self.names)
    }
}

/// Topics and types by the hash of their text, the newest of each slot. Empty until something is kept, so that a link
/// without events costs nothing.
#[derive(Debug)]
pub(crate) struct Names {
    /// How many of each sort; 0: nothing is remembered.
    slots: usize,
    topics: Vec<Option<Topic>>,
    kinds: Vec<Option<EventKind>>,
}

impl Names {
    /// For a single message.
    pub(crate) fn forgetful() -> Self {
        Names::of(0)
    }

    fn of(slots: usize) -> Self {
        Names { slots, topics: Vec::new(), kinds: Vec::new() }
    }

    /// The topic `text`; `None` when it is none.
    pub(crate) fn topic(&mut self, text: &str) -> Option<Topic> {
        let Some(slot) = slot(&mut self.topics, self.slots, text) else { return Topic::new(text).ok() };
        match slot {
            Some(known) if known.as_str() == text => Some(known.clone()),
            _ => {
                let topic = Topic::new(text).ok()?;
                *slot = Some(topic.clone());
                Some(topic)
            }
        }
    }

    pub(crate) fn kind(&mut self, text: &str) -> EventKind {
        if let Some(kind) = EventKind::known(text) {
            return kind;
        }
        // A long one is no name that comes again.
        let slots = if text.len() > LONGEST_KIND { 0 } else { self.slots };
        let Some(slot) = slot(&mut self.kinds, slots, text) else { return text.into() };
        match slot {
            Some(known) if *known == text => known.clone(),
            _ => slot.insert(text.into()).clone(),
        }
    }
}

/// The longest type that is remembered, in bytes: as long as a topic may be.
const LONGEST_KIND: usize = 256;

fn slot<'a, T: Clone>(kept: &'a mut Vec<Option<T>>, slots: usize, text: &str) -> Option<&'a mut Option<T>> {
    if kept.len() < slots {
        kept.resize(slots, None);
    }
    // Without slots there is none to be had.
    let at = (digest(text.as_bytes()) as usize).checked_rem(slots)?;
    kept.get_mut(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_slot_are_told_apart() {
        let mut names = Names::of(SLOTS);
        for n in (0..1000).chain(0..1000) {
            let text = format!("conv:{n}");
            assert_eq!(names.topic(&text).unwrap().as_str(), text);
            assert_eq!(names.kind(&text), text.as_str());
        }
        assert_eq!(names.topic("no topic"), None);
        assert_eq!(names.kind(&"x".repeat(10_000)).len(), 10_000);
    }
}
