//! What a reader may see: its rights as stretches of positions, its own grant records, and what retention took from it.

use bowline_proto::{Account, Gap, GapReason, GrantScope, Query, Record, Seq, Topic};

use crate::grants::{Grants, Right};
use crate::topics::Topics;

/// Events of `topic` with `after < seq <= upto` are the reader's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) topic: Topic,
    pub(crate) after: Seq,
    pub(crate) upto: Seq,
}

/// One topic of the reader's, and what it holds of it.
enum Held<'a> {
    /// Whoever was granted it.
    Open,
    /// By grants.
    Granted(&'a [Right]),
}

/// A reader's topics, each once, sorted.
pub(crate) struct Reader<'a> {
    account: &'a Account,
    topics: Vec<(&'a Topic, Held<'a>)>,
    /// The granted topics, for their records.
    granted: Vec<(&'a Topic, &'a [Right])>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(query: &'a Query, grants: &'a Grants) -> Self {
        let mut granted: Vec<(&Topic, &[Right])> = match &query.granted {
            GrantScope::All => grants.of(&query.account).map(|(t, rights)| (t, rights.as_slice())).collect(),
            GrantScope::Only(topics) => topics.iter().map(|t| (t, grants.to(&query.account, t))).collect(),
        };
        granted.sort_unstable_by_key(|&(topic, _)| topic);
        granted.dedup_by_key(|&mut (topic, _)| topic);
        let mut topics: Vec<(&Topic, Held<'_>)> =
            query.open.iter().map(|topic| (topic, Held::Open)).collect();
        topics.extend(granted.iter().map(|&(topic, rights)| (topic, Held::Granted(rights))));
        // Stable: where a topic is both, the open one stands first and stays.
        topics.sort_by_key(|&(topic, _)| topic);
        topics.dedup_by_key(|&mut (topic, _)| topic);
        Reader { account: &query.account, topics, granted }
    }

    /// The stretches of the reader's events after `from`, up to `head`.
    pub(crate) fn spans(&self, from: Seq, head: Seq) -> Vec<Span> {
        let mut spans = Vec::new();
        for (topic, held) in &self.topics {
            let mut add = |after: Seq, upto: Seq| {
                if after < upto {
                    spans.push(Span { topic: (*topic).clone(), after, upto });
                }
            };
            match held {
                Held::Open => add(from, head),
                Held::Granted(rights) => {
                    for right in *rights {
                        add(right.from.max(from), right.to.map_or(head, |to| before(to).min(head)));
                    }
                }
            }
        }
        spans
    }

    /// The account's own grant records with `from < seq <= head`, in order. A grant outlives its removal by retention as
    /// long as its right reaches into what is retained: without it a reader would take what came before the grant for a hole.
    pub(crate) fn records(&self, from: Seq, oldest: Seq, head: Seq) -> Vec<Record> {
        let account = self.account;
        let mut records = Vec::new();
        let is_asked = |seq: Seq| seq > from && seq <= head;
        for &(topic, rights) in &self.granted {
            for right in rights.iter().filter(|right| right.to.is_none_or(|to| to >= oldest)) {
                if is_asked(right.from) {
                    let (account, topic) = (account.clone(), topic.clone());
                    records.push(Record::Granted { seq: right.from, account, topic });
                }
                if let Some(seq) = right.to.filter(|&to| is_asked(to)) {
                    records.push(Record::Revoked { seq, account: account.clone(), topic: topic.clone() });
                }
            }
        }
        records.sort_unstable_by_key(Record::seq);
        records
    }

    /// What retention removed of the reader's events after `from`.
    pub(crate) fn removed(&self, from: Seq, topics: &Topics) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (topic, held) in &self.topics {
            let last = topics.past(topic).removed;
            let mut add = |after: Seq, lost: Seq| {
                if lost > after {
                    gaps.push(gap(topic, after, lost.next(), GapReason::Retention));
                }
            };
            match held {
                Held::Open => add(from, last),
                Held::Granted(rights) => {
                    for right in *rights {
                        add(right.from.max(from), if right.to.is_some() { right.lost } else { last });
                    }
                }
            }
        }
        gaps
    }

    /// A gap for each topic that the reader had a right to somewhere in `after..before`.
    pub(crate) fn diverged(&self, after: Seq, before: Seq) -> Vec<Gap> {
        let had = |held: &Held<'_>| match held {
            Held::Open => true,
            Held::Granted(rights) => {
                rights.iter().any(|right| right.from < before && right.to.is_none_or(|to| to > after.next()))
            }
        };
        let topics = self.topics.iter().filter(|(_, held)| had(held));
        topics.map(|(topic, _)| gap(topic, after, before, GapReason::Epoch)).collect()
    }

    /// A gap for each topic of the reader's, whenever it had a right to it.
    pub(crate) fn all_diverged(&self, before: Seq) -> Vec<Gap> {
        self.topics.iter().map(|(topic, _)| gap(topic, Seq::ZERO, before, GapReason::Epoch)).collect()
    }

    /// The last event that any of the reader's topics has: nothing behind it needs to be looked for.
    pub(crate) fn last_event(&self, topics: &Topics) -> Seq {
        self.topics.iter().map(|(topic, _)| topics.past(topic).head).max().unwrap_or(Seq::ZERO)
    }
}

pub(crate) fn gap(topic: &Topic, after: Seq, before: Seq, reason: GapReason) -> Gap {
    Gap { topic: topic.clone(), after, before, reason }
}

/// The position before `seq`.
pub(crate) fn before(seq: Seq) -> Seq {
    Seq::new(seq.get().saturating_sub(1)).unwrap_or(Seq::ZERO)
}
