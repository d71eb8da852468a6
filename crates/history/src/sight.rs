//! What a reader has a right to see, computed from the log's records alone.
//!
//! The log is read once for all readers ([`LogIndex`]): events by topic, rights by account. A reader's [`Sight`] of one life
//! of the log shares what it sees whole and copies what it sees in part.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use bowline_proto::{Account, Epoch, GrantScope, Record, Seq, Topic};

use crate::digest::Digest;
use crate::history::Reader;
use crate::truth::{Life, Truth};

/// A topic's row in every table of one check.
pub(crate) type TopicNo = usize;

/// Every life of the log, arranged for readers.
pub(crate) struct LogIndex<'a> {
    names: Vec<&'a Topic>,
    numbers: HashMap<&'a Topic, TopicNo>,
    lives: Vec<LifeIndex<'a>>,
}

struct LifeIndex<'a> {
    life: &'a Life,
    /// By topic, in growing seq.
    events: Vec<Vec<Logged>>,
    /// By account: from a seq on, it has a right to a topic, or has none.
    rights: HashMap<&'a Account, Vec<(Seq, TopicNo, bool)>>,
}

/// An event as the checker needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) seq: Seq,
    pub(crate) text: Digest,
}

impl<'a> LogIndex<'a> {
    pub(crate) fn of(truth: &'a Truth, readers: &'a [Reader]) -> Self {
        let mut index = LogIndex { names: Vec::new(), numbers: HashMap::new(), lives: Vec::new() };
        for topic in readers.iter().flat_map(|reader| reader.open.iter().chain(&reader.asked)) {
            index.number(topic);
        }
        for life in truth.lives() {
            let mut of_life = LifeIndex { life, events: Vec::new(), rights: HashMap::new() };
            for record in life.records.values() {
                match record {
                    Record::Event(event) => {
                        let topic = index.number(&event.topic);
                        if of_life.events.len() <= topic {
                            of_life.events.resize_with(topic + 1, Vec::new);
                        }
                        of_life.events[topic].push(Logged { seq: event.seq, text: Digest::of(&event.text) });
                    }
                    Record::Granted { seq, account, topic } => {
                        let topic = index.number(topic);
                        of_life.rights.entry(account).or_default().push((*seq, topic, true));
                    }
                    Record::Revoked { seq, account, topic } => {
                        let topic = index.number(topic);
                        of_life.rights.entry(account).or_default().push((*seq, topic, false));
                    }
                }
            }
            index.lives.push(of_life);
        }
        for life in &mut index.lives {
            life.events.resize_with(index.names.len(), Vec::new);
        }
        index
    }

    /// The row of a topic that the log or a reader knows.
    pub(crate) fn known(&self, topic: &Topic) -> Option<TopicNo> {
        self.numbers.get(topic).copied()
    }

    pub(crate) fn topics(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn name(&self, topic: TopicNo) -> &'a Topic {
        self.names[topic]
    }

    /// What `reader` may see, by life.
    pub(crate) fn sights(&self, reader: &Reader) -> Vec<Sight<'_>> {
        self.lives.iter().map(|life| self.sight(reader, life)).collect()
    }

    fn number(&mut self, topic: &'a Topic) -> TopicNo {
        if let Some(known) = self.numbers.get(topic) {
            return *known;
        }
        self.names.push(topic);
        self.numbers.insert(topic, self.names.len() - 1);
        self.names.len() - 1
    }

    fn sight<'s>(&'s self, reader: &Reader, index: &'s LifeIndex<'a>) -> Sight<'s> {
        let LifeIndex { life, events, rights } = index;
        let mut spans: BTreeMap<TopicNo, Vec<Span>> = BTreeMap::new();
        for (seq, topic, is_granted) in rights.get(&reader.account).into_iter().flatten() {
            let counts = match &reader.granted {
                GrantScope::All => true,
                GrantScope::Only(topics) => topics.contains(self.names[*topic]),
            };
            if !counts {
                continue;
            }
            let held = spans.entry(*topic).or_default();
            let is_held = held.last().is_some_and(|span| span.until.is_none());
            match (is_granted, held.last_mut()) {
                (true, _) if !is_held => held.push(Span { from: *seq, until: None }),
                (false, Some(last)) if is_held => last.until = Some(*seq),
                _ => {}
            }
        }
        for topic in reader.open.iter().chain(&reader.asked).filter_map(|topic| self.known(topic)) {
            spans.insert(topic, vec![Span { from: Seq::ZERO, until: None }]);
        }
        let mut visible: Vec<Cow<'s, [Logged]>> = vec![Cow::Borrowed(&[][..]); events.len()];
        let mut held_at_shared = vec![false; events.len()];
        for (topic, spans) in spans {
            held_at_shared[topic] = spans.iter().any(|span| span.covers(life.shared));
            let all = &events[topic];
            let inside = |span: &Span| {
                let from = all.partition_point(|event| event.seq <= span.from);
                let until =
                    span.until.map_or(all.len(), |until| all.partition_point(|event| event.seq < until));
                &all[from..until.max(from)]
            };
            visible[topic] = match spans.as_slice() {
                [one] => Cow::Borrowed(inside(one)),
                several => Cow::Owned(several.iter().flat_map(|span| inside(span).iter().copied()).collect()),
            };
        }
        Sight { life, visible, held_at_shared }
    }
}

/// A right, from its grant to its revocation, both excluded.
struct Span {
    from: Seq,
    until: Option<Seq>,
}

impl Span {
    /// Whether the right is held at `seq`: it was granted there or before, and not yet revoked.
    fn covers(&self, seq: Seq) -> bool {
        self.from <= seq && self.until.is_none_or(|until| until > seq)
    }
}

/// The events of one life that one reader has a right to.
pub(crate) struct Sight<'a> {
    pub(crate) life: &'a Life,
    visible: Vec<Cow<'a, [Logged]>>,
    /// What the reader holds where this life begins: the log can't know of rights that were lost with their records.
    held_at_shared: Vec<bool>,
}

impl Sight<'_> {
    pub(crate) fn epoch(&self) -> Epoch {
        self.life.epoch
    }

    pub(crate) fn is_held_at_shared(&self, topic: TopicNo) -> bool {
        self.held_at_shared[topic]
    }

    pub(crate) fn event(&self, topic: TopicNo, seq: Seq) -> Option<Logged> {
        let events = &self.visible[topic];
        events.binary_search_by_key(&seq, |event| event.seq).ok().map(|at| events[at])
    }

    /// The events of `topic` between `after` and `before`, both excluded.
    pub(crate) fn between(&self, topic: TopicNo, after: Seq, before: Seq) -> &[Logged] {
        let events = &self.visible[topic];
        let from = events.partition_point(|event| event.seq <= after);
        let until = events.partition_point(|event| event.seq < before);
        &events[from..until.max(from)]
    }

    /// The events of `topic` behind `after`.
    pub(crate) fn behind(&self, topic: TopicNo, after: Seq) -> &[Logged] {
        let events = &self.visible[topic];
        &events[events.partition_point(|event| event.seq <= after)..]
    }
}
