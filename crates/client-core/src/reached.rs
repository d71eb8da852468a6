//! Up to where each topic has been handed on: what an event's `prev` is held against once the cursor, which all topics share,
//! has gone past.

use bowline_proto::{Seq, Topic};

use crate::sorted::Sorted;

/// Most topics that are remembered: as many as have losses remembered. A further one makes all be forgotten, and until its
/// next event a topic is judged by the cursor alone, as at the start: a loss may be overlooked then, none is made up.
const MOST_TOPICS: usize = 4096;

/// By topic, the last position that was delivered or called lost, since the topic's stream began. A topic whose stream is
/// interrupted has to be forgotten.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    by_topic: Sorted<Topic, Seq>,
}

impl Reached {
    /// The event at `seq` is handed on. Up to where the topic had been before, where that is known.
    pub(crate) fn pass(&mut self, topic: &Topic, seq: Seq) -> Option<Seq> {
        if let Some(last) = self.by_topic.get_mut(topic.as_str()) {
            return Some(core::mem::replace(last, seq.max(*last)));
        }
        if self.by_topic.len() >= MOST_TOPICS {
            self.by_topic.clear();
        }
        self.by_topic.insert(topic.clone(), seq);
        None
    }

    /// Nothing up to `seq` is missed any more.
    pub(crate) fn raise(&mut self, topic: &Topic, seq: Seq) {
        if let Some(last) = self.by_topic.get_mut(topic.as_str()) {
            *last = seq.max(*last);
        }
    }

    /// The stream of `topic` begins, ends or begins anew.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.by_topic.remove(topic);
    }

    /// Every stream begins anew.
    pub(crate) fn forget_all(&mut self) {
        self.by_topic.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(number: usize) -> Topic {
        Topic::new(&format!("conv:{number}")).unwrap()
    }

    #[test]
    fn a_topic_too_many_makes_all_be_forgotten() {
        let mut reached = Reached::default();
        let (first, second) = (Seq::new(1).unwrap(), Seq::new(2).unwrap());
        for number in 0..MOST_TOPICS {
            assert_eq!(reached.pass(&topic(number), first), None);
        }
        assert_eq!(reached.pass(&topic(0), second), Some(first));
        assert_eq!(reached.pass(&topic(MOST_TOPICS), second), None);
        assert_eq!(reached.pass(&topic(0), second), None, "it begins anew");
        assert_eq!(reached.by_topic.len(), 2);
    }
}
