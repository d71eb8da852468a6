//! What a topic may be called, and which topics are on demand.

use core::borrow::Borrow;
use core::fmt;
use std::sync::Arc;

/// The longest topic, in bytes of UTF-8 (wire protocol, section 1).
pub const MAX_TOPIC_BYTES: usize = 256;

const ON_DEMAND: &str = "conv_ondemand:";

/// The name of an ordered log, such as `conv:c1`: 1 to 256 bytes, `prefix:rest` with a prefix of `[a-z0-9_]+` and a
/// rest that is not empty, no control characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

/// Why a text is no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTopic {
    /// Longer than [`MAX_TOPIC_BYTES`].
    #[error("a topic has at most {MAX_TOPIC_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// No `prefix:` of `[a-z0-9_]+`, or nothing behind it.
    #[error("a topic is `prefix:name`, its prefix made of a-z, 0-9 and _")]
    Shape,
    /// Holds a control character.
    #[error("a topic holds no control characters")]
    ControlCharacter,
}

impl Topic {
    /// Checks and takes `text`.
    ///
    /// # Errors
    /// [`InvalidTopic`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, InvalidTopic> {
        if text.len() > MAX_TOPIC_BYTES {
            return Err(InvalidTopic::TooLong(text.len()));
        }
        // Byte by byte, for the compiled core's size: `:` and the control characters of ASCII are bytes of their own, and those
        // of the next block are 0xc2 with a byte below 0xa0.
        let bytes = text.as_bytes();
        let prefix = bytes.iter().position(|byte| *byte == b':').ok_or(InvalidTopic::Shape)?;
        let is_name = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if prefix == 0 || prefix + 1 == bytes.len() || !bytes[..prefix].iter().all(is_name) {
            return Err(InvalidTopic::Shape);
        }
        let mut before = 0;
        for &byte in bytes {
            if byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0) {
                return Err(InvalidTopic::ControlCharacter);
            }
            before = byte;
        }
        Ok(Topic(text.into()))
    }

    /// The inbox of `account`: `user:{account}`.
    #[must_use]
    pub fn inbox(account: &Account) -> Topic {
        Topic(format!("user:{account}").into())
    }

    /// The on-demand topic of a conversation: `conv_ondemand:{conversation}`.
    ///
    /// # Errors
    /// When the conversation id is empty, too long or holds control characters.
    pub fn activity_of(conversation: &str) -> Result<Topic, InvalidTopic> {
        Topic::new(&format!("{ON_DEMAND}{conversation}"))
    }

    /// The conversation of an on-demand topic, `None` for every other topic. Such a topic carries signals only and is
    /// never logged.
    #[must_use]
    pub fn on_demand_conversation(&self) -> Option<&str> {
        self.0.strip_prefix(ON_DEMAND)
    }

    /// Carries signals only: has no seq, is never replayed.
    #[must_use]
    pub fn is_on_demand(&self) -> bool {
        self.on_demand_conversation().is_some()
    }

    /// The topic's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The longest account name, in bytes: `user:` and the name must fit a topic comfortably.
pub const MAX_ACCOUNT_BYTES: usize = 128;

/// The authenticated principal: the `sub` of its access token. 1 to 128 bytes, no control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(Arc<str>);

/// The text is empty, longer than [`MAX_ACCOUNT_BYTES`] or holds a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account name has 1 to {MAX_ACCOUNT_BYTES} bytes and no control characters")]
pub struct InvalidAccount;

impl Account {
    /// Checks and takes `text`.
    ///
    /// # Errors
    /// [`InvalidAccount`].
    pub fn new(text: &str) -> Result<Self, InvalidAccount> {
        let fits = !text.is_empty() && text.len() <= MAX_ACCOUNT_BYTES && !text.chars().any(char::is_control);
        if fits { Ok(Account(text.into())) } else { Err(InvalidAccount) }
    }

    /// The account's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// What an account is; decides its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// A program that acts on its own: two sockets by default.
    Agent,
    /// A person with several devices: twenty sockets by default.
    Human,
    /// A backend of the operator's: counted like a human.
    Service,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_prefix_and_a_name() {
        let long = format!("conv:{}", "x".repeat(MAX_TOPIC_BYTES));
        for (text, expected) in [
            ("conv:c1", Ok(())),
            ("transcript:w:t", Ok(())),
            ("conv:Zürich", Ok(())),
            ("", Err(InvalidTopic::Shape)),
            ("conv", Err(InvalidTopic::Shape)),
            ("conv:", Err(InvalidTopic::Shape)),
            (":c1", Err(InvalidTopic::Shape)),
            ("Conv:c1", Err(InvalidTopic::Shape)),
            ("conv:a\nb", Err(InvalidTopic::ControlCharacter)),
            ("conv:a\u{85}b", Err(InvalidTopic::ControlCharacter)),
            (long.as_str(), Err(InvalidTopic::TooLong(MAX_TOPIC_BYTES + 5))),
        ] {
            assert_eq!(Topic::new(text).map(|_| ()), expected, "{text:?}");
        }
    }
}
