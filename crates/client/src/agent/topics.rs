//! Which topics the application wants, across connections: remembered also while there is none.
//!
//! A connection keeps its own account while it lasts; this one outlives it, and obeys the same limits.

use core::borrow::Borrow;
use std::collections::BTreeSet;

use bowline_client_core::{CommandError, RESUME_TOPICS};
use bowline_proto::{InvalidTopic, RefusalCode, Topic, TopicRefusal};

use crate::agent::error::SubscribeError;

/// The most topics wanted at a time: the connection's default.
const MOST_TOPICS: usize = 1000;
/// How much of a text that is no topic is shown.
const SHOWN_BYTES: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Topics {
    wanted: BTreeSet<Topic>,
}

/// Checks all of `texts`.
pub(crate) fn parse(texts: impl IntoIterator<Item = impl Borrow<str>>) -> Result<Vec<Topic>, SubscribeError> {
    texts.into_iter().map(|text| parse_one(text.borrow())).collect()
}

fn parse_one(text: &str) -> Result<Topic, SubscribeError> {
    Topic::new(text).map_err(|why: InvalidTopic| {
        let mut end = text.len().min(SHOWN_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        SubscribeError::Topic { topic: text[..end].to_owned(), why }
    })
}

impl Topics {
    /// Whether `topics` may be wanted as well.
    pub(crate) fn check(&self, topics: &[Topic]) -> Result<(), SubscribeError> {
        let all: BTreeSet<&Topic> = self.wanted.iter().chain(topics).collect();
        let logged = all.iter().filter(|topic| !topic.is_on_demand()).count();
        let refused = |limit| Err(SubscribeError::Refused(CommandError::TooManySubscriptions { limit }));
        match (all.len() > MOST_TOPICS, logged > RESUME_TOPICS) {
            (true, _) => refused(MOST_TOPICS),
            (false, true) => refused(RESUME_TOPICS),
            (false, false) => Ok(()),
        }
    }

    pub(crate) fn add(&mut self, topics: Vec<Topic>) {
        self.wanted.extend(topics);
    }

    pub(crate) fn remove(&mut self, topics: &[Topic]) {
        for topic in topics {
            self.wanted.remove(topic);
        }
    }

    /// What is refused for good is wanted no more.
    pub(crate) fn refused(&mut self, refusals: &[TopicRefusal]) {
        for refusal in refusals {
            match refusal.code {
                RefusalCode::Forbidden | RefusalCode::InvalidTopic => {
                    self.wanted.remove(refusal.topic.as_str());
                }
                RefusalCode::LimitExceeded | RefusalCode::Other(_) => {}
            }
        }
    }

    /// For a new connection.
    pub(crate) fn to_vec(&self) -> Vec<Topic> {
        self.wanted.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_topic_is_shown_up_to_a_whole_character() {
        let long = "ü".repeat(300);
        let shown = match parse([format!("x{long}")]) {
            Err(SubscribeError::Topic { topic, why: InvalidTopic::TooLong(601) }) => topic,
            other => panic!("{other:?}"),
        };
        assert_eq!(shown.len(), 255);
    }
}
