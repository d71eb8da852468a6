//! How an event's type is kept: the types of the wire protocol as they are compiled in, others on the heap.

use core::borrow::Borrow;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;
use std::sync::Arc;

/// An event's type, such as `message.new`. Reads as a `str`; cheap to clone, and free to make for the types of
/// `docs/events.md`.
///
/// ```
/// use bowline_proto::EventKind;
///
/// let kind = EventKind::from("message.new");
/// assert_eq!(kind, "message.new");
/// assert!(kind.starts_with("message."));
/// ```
#[derive(Clone)]
pub struct EventKind(Kept);

#[derive(Clone)]
enum Kept {
    /// Behind a pointer, so that both together take no more than the other one.
    Known(&'static &'static str),
    Other(Arc<str>),
}

impl EventKind {
    /// The type `text`, if it is one of those that are compiled in.
    #[cfg(feature = "json")]
    pub(crate) fn known(text: &str) -> Option<Self> {
        compiled_in(text).map(|text| EventKind(Kept::Known(text)))
    }

    /// The type's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Known(text) => text,
            Kept::Other(text) => text,
        }
    }
}

/// The types that are compiled in, the frequent ones first.
pub(crate) static COMPILED_IN: [&str; 20] = [
    "message.new",
    "activity.status",
    "message.updated",
    "message.deleted",
    "conversation.new",
    "conversation.updated",
    "conversation.member_added",
    "conversation.member_removed",
    "conversation.member_updated",
    "contact.request_received",
    "contact.request_accepted",
    "contact.request_rejected",
    "contact.request_revoked",
    "contact.removed",
    "contact.request_pending_approval",
    "contact.friend_name_updated",
    "block.created",
    "block.removed",
    "user.profile_updated",
    "agent.settings_updated",
];

/// The compiled-in text that is `text`.
fn compiled_in(text: &str) -> Option<&'static &'static str> {
    COMPILED_IN.iter().find(|known| **known == text)
}

impl From<&str> for EventKind {
    fn from(text: &str) -> Self {
        EventKind(compiled_in(text).map_or_else(|| Kept::Other(text.into()), Kept::Known))
    }
}

impl From<String> for EventKind {
    fn from(text: String) -> Self {
        EventKind::from(text.as_str())
    }
}

impl From<Arc<str>> for EventKind {
    fn from(text: Arc<str>) -> Self {
        EventKind(compiled_in(&text).map_or(Kept::Other(text), Kept::Known))
    }
}

impl From<EventKind> for Arc<str> {
    fn from(kind: EventKind) -> Self {
        match kind.0 {
            Kept::Known(text) => (*text).into(),
            Kept::Other(text) => text,
        }
    }
}

impl Deref for EventKind {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for EventKind {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for EventKind {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq for EventKind {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EventKind {}

impl PartialEq<str> for EventKind {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for EventKind {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for EventKind {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EventKind {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// As of its text, since it can be looked up by that.
impl Hash for EventKind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "json")]
    #[test]
    fn every_typed_event_has_its_type_compiled_in() {
        let (mut here, mut typed) = (COMPILED_IN.to_vec(), crate::typed::KNOWN_KINDS.to_vec());
        here.sort_unstable();
        typed.sort_unstable();
        assert_eq!(here, typed);
    }

    #[test]
    fn a_type_is_its_text_wherever_it_is_kept() {
        let here = |text: &str| EventKind::from(text);
        let elsewhere = EventKind(Kept::Other("message.new".into()));
        assert_eq!(here("message.new"), elsewhere);
        assert!(matches!(EventKind::from(Arc::from("message.new")).0, Kept::Known(_)));
        assert_eq!(here("own.type").to_string(), "own.type");
        assert_ne!(here("own.type"), here("own.typf"));
        assert_eq!(Arc::<str>::from(elsewhere), Arc::from("message.new"));
    }
}
