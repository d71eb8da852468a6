//! How an event's timestamp is kept: in place, since it is short and every event has one.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use crate::time::Timestamp;

/// RFC 3339 has 24 bytes with milliseconds and 30 with nanoseconds, in UTC.
const IN_PLACE: usize = 30;

/// An event's timestamp as the server wrote it, usually RFC 3339 in UTC; empty when the server sent none. Reads as a
/// `str`. Whatever a plain server says is kept: [`parse`](Self::parse) tells whether it is a time.
#[derive(Clone)]
pub struct EventTime(Kept);

#[derive(Clone)]
enum Kept {
    /// The first bytes of the array, as many as the number says: UTF-8.
    InPlace(u8, [u8; IN_PLACE]),
    Long(Arc<str>),
}

impl EventTime {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::InPlace(length, bytes) => core::str::from_utf8(&bytes[..usize::from(*length)])
                .expect("a whole text was put in, and nothing changes it"),
            Kept::Long(text) => text,
        }
    }

    /// The time that it says; `None` when it is no RFC 3339 or before 1970.
    #[must_use]
    pub fn parse(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(self)
    }
}

impl From<&str> for EventTime {
    fn from(text: &str) -> Self {
        let mut bytes = [0; IN_PLACE];
        EventTime(match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(length), Some(place)) => {
                place.copy_from_slice(text.as_bytes());
                Kept::InPlace(length, bytes)
            }
            _ => Kept::Long(text.into()),
        })
    }
}

impl From<String> for EventTime {
    fn from(text: String) -> Self {
        EventTime::from(text.as_str())
    }
}

impl From<EventTime> for Arc<str> {
    fn from(time: EventTime) -> Self {
        match time.0 {
            Kept::InPlace(..) => time.as_str().into(),
            Kept::Long(text) => text,
        }
    }
}

impl Default for EventTime {
    /// None was sent.
    fn default() -> Self {
        EventTime(Kept::InPlace(0, [0; IN_PLACE]))
    }
}

impl Deref for EventTime {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for EventTime {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for EventTime {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EventTime {}

impl PartialEq<str> for EventTime {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for EventTime {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_is_kept() {
        for length in 0..300 {
            let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
            assert_eq!(EventTime::from(text.as_str()), text.as_str());
        }
        assert_eq!(EventTime::default(), "");
    }

    #[test]
    fn only_a_time_parses() {
        assert_eq!(EventTime::from("1970-01-01T00:00:00.001Z").parse(), Some(Timestamp(1)));
        assert_eq!(EventTime::from("yesterday").parse(), None);
        assert_eq!(EventTime::default().parse(), None);
    }
}
