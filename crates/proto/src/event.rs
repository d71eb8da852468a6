//! An event as the application gets it.

use core::fmt;

use bytes::Bytes;

use crate::event_kind::EventKind;
use crate::event_time::EventTime;
use crate::server_frame::Place;
use crate::topic::Topic;

/// A decoded event or signal. `payload` and `text` are slices of the bytes that brought it.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// The type, such as `message.new`.
    pub kind: EventKind,
    /// RFC 3339 UTC as the gateway wrote it; empty when the server sent none.
    pub timestamp: EventTime,
    /// The topic; plain servers may send none.
    pub topic: Option<Topic>,
    /// Position and predecessor; `None` for signals and on plain servers.
    pub place: Option<Place>,
    /// The payload's JSON text, exactly as it came; empty when there was none.
    pub payload: Bytes,
    /// The whole frame as it came.
    pub text: Bytes,
}

/// Shows neither payload nor text.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &self.kind)
            .field("timestamp", &self.timestamp)
            .field("topic", &self.topic)
            .field("place", &self.place)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
