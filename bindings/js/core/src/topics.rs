//! Which number stands for which topic, so that an event crosses without a text.
//!
//! The host keeps the way from text to number and this table the way back. It is bounded: when it is full the host forgets
//! both and starts over, so that a connection that meets ever new topics does not grow.

use bowline_proto::Topic;

/// Most topics with a number: beyond the topics of any account that reads along, and 300 KiB at most names.
const MOST: usize = 4096;

/// The table of one connection.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    known: Vec<Topic>,
}

/// What a text's number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbered {
    /// This one.
    As(usize),
    /// None: the text is no topic.
    NoTopic,
    /// None: the table is full.
    Full,
}

impl Topics {
    /// A number for `text`, which has none.
    pub(crate) fn add(&mut self, text: &str) -> Numbered {
        let Ok(topic) = Topic::new(text) else { return Numbered::NoTopic };
        if self.known.len() >= MOST {
            return Numbered::Full;
        }
        self.known.push(topic);
        Numbered::As(self.known.len() - 1)
    }

    /// The topic with this number.
    pub(crate) fn named(&self, number: usize) -> Option<&Topic> {
        self.known.get(number)
    }

    /// Starts over.
    pub(crate) fn forget(&mut self) {
        self.known = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_a_number_until_the_table_is_full() {
        let mut topics = Topics::default();
        assert_eq!(topics.add("conv:a"), Numbered::As(0));
        assert_eq!(topics.add("no topic"), Numbered::NoTopic);
        for number in 1..MOST {
            assert_eq!(topics.add(&format!("conv:{number}")), Numbered::As(number));
        }
        assert_eq!(topics.add("conv:b"), Numbered::Full);
        assert_eq!(topics.named(0).map(Topic::as_str), Some("conv:a"));
        topics.forget();
        assert_eq!(topics.named(0), None);
        assert_eq!(topics.add("conv:b"), Numbered::As(0));
    }
}
