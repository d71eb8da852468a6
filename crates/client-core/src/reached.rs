//! Up to where each topic has been handed on: what an event's `prev` is held against once the cursor, which all topics share,
//! has gone past.

use bowline_proto::{Seq, Topic};

/// Most topics that are remembered: as many as have losses remembered. A further one makes all be forgotten, and until its
/// next event a topic is judged by the cursor alone, as at the start: a loss may be overlooked then, none is made up.
const MOST_TOPICS: usize = 4096;

/// By topic, the last position that was delivered or called lost, since the topic's stream began. A topic whose stream is
/// interrupted has to be forgotten.
///
/// Every event looks its topic up here. Names of topics begin alike and end differently, so they are kept in the order of their
/// ends: an end is one number, and of most lookups only the last step compares names.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    end: u32,
    topic: Topic,
    last: Seq,
}

impl Reached {
    /// The event at `seq` is handed on. Up to where the topic had been before, where that is known.
    pub(crate) fn pass(&mut self, topic: &Topic, seq: Seq) -> Option<Seq> {
        let end = end_of(topic.as_str());
        match self.place(end, topic.as_str()) {
            Ok(index) => {
                let last = &mut self.entries[index].last;
                Some(core::mem::replace(last, seq.max(*last)))
            }
            Err(index) => {
                let is_full = self.entries.len() >= MOST_TOPICS;
                if is_full {
                    self.entries.clear();
                }
                let index = if is_full { 0 } else { index };
                self.entries.insert(index, Entry { end, topic: topic.clone(), last: seq });
                None
            }
        }
    }

    /// Nothing up to `seq` is missed any more.
    pub(crate) fn raise(&mut self, topic: &Topic, seq: Seq) {
        if let Ok(index) = self.place(end_of(topic.as_str()), topic.as_str()) {
            let last = &mut self.entries[index].last;
            *last = seq.max(*last);
        }
    }

    /// The stream of `topic` begins, ends or begins anew.
    pub(crate) fn forget(&mut self, topic: &str) {
        if let Ok(index) = self.place(end_of(topic), topic) {
            self.entries.remove(index);
        }
    }

    /// Every stream begins anew.
    pub(crate) fn forget_all(&mut self) {
        self.entries.clear();
    }

    /// Where `topic` with this end stands, or would stand.
    fn place(&self, end: u32, topic: &str) -> Result<usize, usize> {
        let (mut from, mut to) = (0, self.entries.len());
        while from < to {
            let middle = from.midpoint(to);
            let entry = &self.entries[middle];
            let is_below = if entry.end == end {
                // Whoever tells of an event often has the very text that is known here.
                if core::ptr::eq(entry.topic.as_str(), topic) || entry.topic.as_str() == topic {
                    return Ok(middle);
                }
                entry.topic.as_str() < topic
            } else {
                entry.end < end
            };
            if is_below { from = middle + 1 } else { to = middle }
        }
        Err(from)
    }
}

/// The last four bytes of a name; of the few that have only three, nothing.
fn end_of(topic: &str) -> u32 {
    topic.as_bytes().last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Topic {
        Topic::new(name).unwrap()
    }

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    #[test]
    fn topics_are_told_apart_whatever_they_have_in_common() {
        let names = [
            "conv:1",
            "conv:2",
            "a:1",
            "conv:11",
            "conv:long/same-end",
            "transcript:long/same-end",
            "x:long/same-end",
        ];
        let mut reached = Reached::default();
        for (number, name) in (1..).zip(names) {
            assert_eq!(reached.pass(&topic(name), seq(number)), None, "{name}");
        }
        for (number, name) in (1..).zip(names) {
            assert_eq!(reached.pass(&topic(name), seq(100)), Some(seq(number)), "{name}");
        }
        reached.forget("transcript:long/same-end");
        reached.raise(&topic("x:long/same-end"), seq(200));
        reached.raise(&topic("transcript:long/same-end"), seq(200));
        assert_eq!(reached.pass(&topic("conv:long/same-end"), seq(150)), Some(seq(100)));
        assert_eq!(reached.pass(&topic("x:long/same-end"), seq(150)), Some(seq(200)));
        assert_eq!(reached.pass(&topic("transcript:long/same-end"), seq(150)), None);
    }

    #[test]
    fn a_topic_too_many_makes_all_be_forgotten() {
        let mut reached = Reached::default();
        let name = |number: usize| topic(&format!("conv:{number}"));
        for number in 0..MOST_TOPICS {
            assert_eq!(reached.pass(&name(number), seq(1)), None);
        }
        assert_eq!(reached.pass(&name(0), seq(2)), Some(seq(1)));
        assert_eq!(reached.pass(&name(MOST_TOPICS), seq(2)), None);
        assert_eq!(reached.pass(&name(0), seq(2)), None, "it begins anew");
        assert_eq!(reached.entries.len(), 2);
    }
}
