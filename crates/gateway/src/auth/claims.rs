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

const KINDS: [(&str, AccountKind); 3] =
    [("agent", AccountKind::Agent), ("human", AccountKind::Human), ("service", AccountKind::Service)];

/// The kind of that name, as the claim `kind` and the command line write it.
#[must_use]
pub fn parse_kind(text: &str) -> Option<AccountKind> {
    KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind)
}

/// The name of a kind.
pub(crate) fn kind_name(kind: AccountKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map(|(name, _)| *name).expect("every kind has a name")
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
    let Some(start) = text.strip_suffix('*') else { return Topic::new(text).map(TopicFilter::Exact) };
    // The beginning of a topic is one when something that completes it makes a topic.
    let completed = match start {
        "" => "x:x".to_owned(),
        start if start.contains(':') => format!("{start}x"),
        start => format!("{start}:x"),
    };
    match Topic::new(&completed) {
        Ok(_) => Ok(TopicFilter::Prefix(start.into())),
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_topic_or_its_beginning_and_a_star() {
        for (text, topic, matches) in [
            ("conv:*", "conv:c1", Some(true)),
            ("conv:*", "conv_ondemand:c1", Some(false)),
            ("chat:t*", "chat:t1", Some(true)),
            ("chat:t*", "chat:u1", Some(false)),
            ("chat:t1", "chat:t1", Some(true)),
            ("chat:t1", "chat:t11", Some(false)),
            ("*", "any:thing", Some(true)),
            ("conv*", "conv_ondemand:c1", Some(true)),
            ("chat:a*b", "chat:a*b", Some(true)),
            ("chat:a*b", "chat:axb", Some(false)),
            ("", "a:b", None),
            ("conv", "a:b", None),
            ("Conv:*", "a:b", None),
            (":*", "a:b", None),
            ("conv:\n*", "a:b", None),
        ] {
            let topic = Topic::new(topic).unwrap();
            assert_eq!(
                parse_filter(text).ok().map(|filter| filter_matches(&filter, &topic)),
                matches,
                "{text}"
            );
        }
    }
}
