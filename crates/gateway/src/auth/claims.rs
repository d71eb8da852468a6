//! What a verified token says.

use std::sync::Arc;

use bowline_gateway_core::TopicFilter;
use bowline_proto::{Account, AccountKind, InvalidTopic, Timestamp, Topic};

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Claim `sub`: who.
    pub account: Account,
    /// Claim `kind`: `agent`, `human` or `service`; human when absent.
    pub kind: AccountKind,
    /// Claim `scope`.
    pub scopes: Scopes,
    /// Claim `topics`: what may be subscribed and read without a grant.
    pub topics: Arc<[TopicFilter]>,
    /// Claim `exp`.
    pub expires: Timestamp,
}

/// What a token allows beyond its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// `publish`: may publish to any topic.
    pub publish: bool,
    /// `admin`: may grant, revoke and disconnect.
    pub admin: bool,
}

impl Claims {
    /// Whether the `topics` claim opens `topic`.
    #[must_use]
    pub fn opens(&self, topic: &Topic) -> bool {
        self.topics.iter().any(|filter| filter_matches(filter, topic))
    }
}

/// Whether `topic` is one of those that `filter` describes.
#[must_use]
pub fn filter_matches(filter: &TopicFilter, topic: &Topic) -> bool {
    match filter {
        TopicFilter::Exact(exact) => exact == topic,
        TopicFilter::Prefix(prefix) => topic.as_str().starts_with(&**prefix),
    }
}

/// Reads a filter: a topic, or the beginning of one with a trailing `*` (`conv:*`, `chat:t*`; `*` alone is every topic).
///
/// # Errors
/// [`InvalidTopic`]: neither.
pub fn parse_filter(text: &str) -> Result<TopicFilter, InvalidTopic> {
    let _ = text;
    todo!()
}
