//! What the debug trace of a socket shows, and what it never shows.
//!
//! Frames that steer the connection are shown whole but for their secrets; everything else by its type, topic, position
//! and size. Tokens and tickets travel in headers and URLs, of which only host and path are shown.

use core::fmt;
use std::sync::{Arc, PoisonError};

use serde_json::Value;
use tokio::time::Instant;

use crate::managed::options::TraceWriter;

/// The trace of one socket. A line: seconds since the socket was opened, its label, what happened.
#[derive(Clone)]
pub(crate) struct Trace {
    out: TraceWriter,
    label: Arc<str>,
    origin: Instant,
}

impl Trace {
    pub(crate) fn new(out: TraceWriter, label: Arc<str>) -> Self {
        Trace { out, label, origin: Instant::now() }
    }

    pub(crate) fn line(&self, what: impl fmt::Display) {
        let elapsed = self.origin.elapsed().as_secs_f64();
        let line = format!("[bowline {} +{elapsed:.3}s] {what}\n", self.label);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A trace that cannot be written must not hurt the socket.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }

    pub(crate) fn received(&self, text: &[u8]) {
        self.line(format_args!("<- {}", described(text)));
    }

    pub(crate) fn sent(&self, text: &[u8]) {
        self.line(format_args!("-> {}", described(text)));
    }
}

/// A frame for people.
fn described(text: &[u8]) -> String {
    let Ok(Value::Object(mut frame)) = serde_json::from_slice(text) else {
        return format!("{} bytes that are no frame", text.len());
    };
    match frame.get("action").and_then(Value::as_str) {
        Some(action) if SHOWN.contains(&action) => {
            for (name, value) in &mut frame {
                if SECRET.contains(&name.as_str()) && !value.is_null() {
                    *value = Value::from("(redacted)");
                }
            }
            Value::Object(frame).to_string()
        }
        Some(action) => format!("{} ({} bytes)", shortened(action), text.len()),
        None => {
            let word = |name| frame.get(name).and_then(Value::as_str).map(shortened).unwrap_or_default();
            let seq = frame.get("seq").and_then(Value::as_u64);
            let seq = seq.map(|seq| format!(" seq {seq}")).unwrap_or_default();
            format!("{} {}{seq} ({} bytes)", word("type"), word("topic"), text.len())
        }
    }
}

/// A peer's word, at a length that fits a line and on one line.
fn shortened(word: &str) -> String {
    word.chars().take(80).flat_map(char::escape_debug).collect()
}

/// Frames of the protocol's own, which hold nothing of the application's.
const SHOWN: [&str; 13] = [
    "connection.accepted",
    "connection.rejected",
    "connection.draining",
    "subscribe",
    "subscribe_ack",
    "unsubscribe",
    "unsubscribe_ack",
    "topics",
    "gap",
    "ping",
    "pong",
    "resume",
    "error",
];

/// Members that prove something.
const SECRET: [&str; 6] = ["sessionId", "connectionId", "ticket", "token", "secret", "authorization"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_described_without_its_secrets_and_payload() {
        for (text, expected) in [
            (
                r#"{"action":"connection.accepted","sessionId":"hunter2","seq":7}"#,
                r#"{"action":"connection.accepted","seq":7,"sessionId":"(redacted)"}"#,
            ),
            (
                r#"{"type":"message.new","topic":"conv:c1","seq":9,"payload":{"text":"hunter2"}}"#,
                "message.new conv:c1 seq 9 (77 bytes)",
            ),
            (r#"{"action":"own","text":"hunter2"}"#, "own (33 bytes)"),
            (r#"{"type":"a\nb"}"#, "a\\nb  (15 bytes)"),
            ("hunter2", "7 bytes that are no frame"),
        ] {
            assert_eq!(described(text.as_bytes()), expected);
        }
    }
}
