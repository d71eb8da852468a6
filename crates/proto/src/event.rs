//! An event as the application gets it.

use bytes::Bytes;
use std::sync::Arc;

use crate::server_frame::Place;
use crate::topic::Topic;

/// A decoded event or signal. `payload` and `text` are slices of the bytes that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The type, such as `message.new`.
    pub kind: Arc<str>,
    /// RFC 3339 UTC as the gateway wrote it; empty when the server sent none.
    pub timestamp: Arc<str>,
    /// The topic; plain servers may send none.
    pub topic: Option<Topic>,
    /// Position and predecessor; `None` for signals and on plain servers.
    pub place: Option<Place>,
    /// The payload's JSON text, exactly as it came; empty when there was none.
    pub payload: Bytes,
    /// The whole frame as it came.
    pub text: Bytes,
}
