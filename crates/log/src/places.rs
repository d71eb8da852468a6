//! Which places a batch gets: what is appended, what changes nothing, what has been appended before.
//!
//! Both stores decide here, so that they cannot disagree.

use std::collections::HashMap;

use bowline_proto::{Account, LoggedEvent, Place, Record, Seq, Timestamp, Topic, encode_event};

use crate::grants::Grants;
use crate::keys::{Keys, Runs, Use};
use crate::store::{Appended, Batch, Entry, IdempotencyKey};
use crate::topics::Topics;

/// What a store knows before an append.
pub(crate) struct Known<'a> {
    /// The last place given.
    pub(crate) last: Seq,
    pub(crate) topics: &'a Topics,
    pub(crate) grants: &'a Grants,
    pub(crate) keys: &'a Keys,
}

/// What an append will do; nothing is changed before the store has written it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// One per batch.
    pub(crate) outcomes: Vec<Appended>,
    /// The batches that are written.
    pub(crate) batches: Vec<PlannedBatch>,
    /// All their records, in order.
    pub(crate) records: Vec<Record>,
    /// The topics that got events: their places, growing.
    pub(crate) touched: Vec<(Topic, Vec<Seq>)>,
}

/// A batch that is written.
#[derive(Debug)]
pub(crate) struct PlannedBatch {
    /// How many of the plan's records are its.
    pub(crate) records: usize,
    /// The key to remember.
    pub(crate) key: Option<(IdempotencyKey, Use)>,
}

/// Plans the append of `batches`.
pub(crate) fn plan(batches: &[Batch], known: &Known<'_>, now: Timestamp) -> Plan {
    let mut planning = Planning {
        known,
        last: known.last,
        plan: Plan::default(),
        touched: HashMap::new(),
        rights: HashMap::new(),
        keys: HashMap::new(),
    };
    for batch in batches {
        let outcome = planning.batch(batch, now);
        planning.plan.outcomes.push(outcome);
    }
    planning.plan
}

struct Planning<'a> {
    known: &'a Known<'a>,
    last: Seq,
    plan: Plan,
    /// Where a topic stands in `plan.touched`.
    touched: HashMap<&'a Topic, usize>,
    /// Rights that this append changes.
    rights: HashMap<(&'a Account, &'a Topic), bool>,
    /// Keys that this append uses, with the batch that does.
    keys: HashMap<(&'a Account, &'a str), usize>,
}

impl<'a> Planning<'a> {
    fn batch(&mut self, batch: &'a Batch, now: Timestamp) -> Appended {
        if let Some(known) = batch.key.as_ref().and_then(|key| self.earlier(key, now)) {
            return known;
        }
        let first = self.plan.records.len();
        let seqs: Vec<Seq> = batch.entries.iter().map(|entry| self.entry(entry)).collect();
        let records = self.plan.records.len() - first;
        let key = batch.key.as_ref().map(|key| {
            self.keys.insert((&key.account, &key.key), self.plan.batches.len());
            (key.clone(), Use { body: key.body, at: now, places: Runs::new(&seqs) })
        });
        if records > 0 || key.is_some() {
            self.plan.batches.push(PlannedBatch { records, key });
        }
        Appended::New { seqs }
    }

    fn earlier(&self, key: &IdempotencyKey, now: Timestamp) -> Option<Appended> {
        let here = self.keys.get(&(&key.account, key.key.as_str()));
        let here = here.and_then(|&batch| self.plan.batches[batch].key.as_ref()).map(|(_, used)| used);
        let used = here.or_else(|| self.known.keys.find(key, now))?;
        Some(if used.body == key.body {
            Appended::Repeated { seqs: used.places.seqs() }
        } else {
            Appended::KeyReused
        })
    }

    fn entry(&mut self, entry: &'a Entry) -> Seq {
        match entry {
            Entry::Event(event) => {
                let seq = self.advance();
                let prev = self.touch(&event.topic, seq);
                let place = Place { seq, prev };
                let text = encode_event(&event.kind, event.timestamp, &event.topic, place, &event.payload);
                let topic = event.topic.clone();
                self.plan.records.push(Record::Event(LoggedEvent { seq, prev, topic, text }));
            }
            Entry::Grant { account, topic } => {
                if self.changes(account, topic, true) {
                    let seq = self.advance();
                    let (account, topic) = (account.clone(), topic.clone());
                    self.plan.records.push(Record::Granted { seq, account, topic });
                }
            }
            Entry::Revoke { account, topic } => {
                if self.changes(account, topic, false) {
                    let seq = self.advance();
                    let (account, topic) = (account.clone(), topic.clone());
                    self.plan.records.push(Record::Revoked { seq, account, topic });
                }
            }
        }
        self.last
    }

    fn advance(&mut self) -> Seq {
        self.last = self.last.next();
        self.last
    }

    /// Notes an event of `topic` at `seq`; returns the place of the one before.
    fn touch(&mut self, topic: &'a Topic, seq: Seq) -> Seq {
        if let Some(&row) = self.touched.get(topic) {
            let seqs = &mut self.plan.touched[row].1;
            let prev = seqs.last().copied().unwrap_or(Seq::ZERO);
            seqs.push(seq);
            return prev;
        }
        self.touched.insert(topic, self.plan.touched.len());
        self.plan.touched.push((topic.clone(), vec![seq]));
        self.known.topics.past(topic).head
    }

    fn changes(&mut self, account: &'a Account, topic: &'a Topic, to: bool) -> bool {
        let known = self.known;
        let right =
            self.rights.entry((account, topic)).or_insert_with(|| known.grants.is_granted(account, topic));
        core::mem::replace(right, to) != to
    }
}
