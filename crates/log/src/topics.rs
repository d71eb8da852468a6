//! What is known of every topic: its last event, and the last one that retention removed.

use std::collections::HashMap;

use bowline_proto::{Seq, Topic};

use crate::codec::{Take, count, put_seq, put_text, put_u32};

/// All topics that ever had an event. Kept for ever: a topic that had lost its place here could not say what it lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics {
    /// Where a topic stands in `rows`.
    ids: HashMap<Topic, usize>,
    /// In order of appearance, which makes snapshots deterministic.
    rows: Vec<(Topic, Past)>,
}

/// What is known of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// Its last event, committed or not; zero: none.
    pub(crate) head: Seq,
    /// The last of its events that retention removed; zero: none.
    pub(crate) removed: Seq,
}

impl Topics {
    pub(crate) fn past(&self, topic: &Topic) -> Past {
        self.ids.get(topic).map(|&id| self.rows[id].1).unwrap_or_default()
    }

    /// An event of `topic` was appended at `head`.
    pub(crate) fn advanced(&mut self, topic: &Topic, head: Seq) {
        self.row(topic).head = head;
    }

    /// Retention removed events of `topic` up to `last`.
    pub(crate) fn removed(&mut self, topic: &Topic, last: Seq) {
        let past = self.row(topic);
        past.removed = past.removed.max(last);
        past.head = past.head.max(last);
    }

    /// Retention removed positions up to `last`, and nobody can tell whose events they were: every topic's.
    pub(crate) fn any_removed(&mut self, last: Seq) {
        for (_, past) in &mut self.rows {
            past.removed = past.removed.max(last.min(past.head));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Topic, Past)> {
        self.rows.iter()
    }

    fn row(&mut self, topic: &Topic) -> &mut Past {
        let id = match self.ids.get(topic) {
            Some(&id) => id,
            None => {
                self.rows.push((topic.clone(), Past::default()));
                self.ids.insert(topic.clone(), self.rows.len() - 1);
                self.rows.len() - 1
            }
        };
        &mut self.rows[id].1
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_u32(out, count(self.rows.len()));
        for (topic, past) in &self.rows {
            put_text(out, topic.as_str());
            put_seq(out, past.head);
            put_seq(out, past.removed);
        }
    }

    pub(crate) fn take(from: &mut Take<'_>) -> Option<Topics> {
        let rows = from.rows(18)?;
        let mut topics = Topics::default();
        for _ in 0..rows {
            let topic = from.topic()?;
            *topics.row(&topic) = Past { head: from.seq()?, removed: from.seq()? };
        }
        Some(topics)
    }
}
