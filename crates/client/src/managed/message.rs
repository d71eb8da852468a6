//! What a handler of `on_message` is given: the frame as it came.

use bowline_proto::Event;
use serde::de::DeserializeOwned;

/// A frame that arrived from the server. Frames that steer the connection (those with an `action`) are not shown.
///
/// ```
/// # fn example(message: &bowline::MessageEvent) -> Result<(), Box<dyn std::error::Error>> {
/// let whole: serde_json::Value = message.json()?;
/// println!("{} {}", whole["type"], whole["payload"]);
/// # Ok(()) }
/// ```
///
/// Clones share the bytes. `Debug` shows neither text nor payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEvent {
    event: Event,
}

impl MessageEvent {
    pub(crate) fn new(event: Event) -> Self {
        MessageEvent { event }
    }

    /// The frame's text, byte for byte as it was received.
    #[must_use]
    pub fn data(&self) -> &str {
        // Sockets check their text frames; one of the application's own that does not shows as empty.
        core::str::from_utf8(&self.event.text).unwrap_or_default()
    }

    /// The frame's text, decoded.
    ///
    /// # Errors
    /// When `T` does not fit the frame.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.event.text)
    }

    /// The frame, taken apart: type, timestamp, topic, place in the log, payload.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }
}
