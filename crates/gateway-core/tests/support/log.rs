//! A log in memory that answers a query from first principles: it walks all records and asks whether the right was held.

use bowline_proto::{
    Account, Epoch, Gap, GapReason, GrantScope, LoggedEvent, Page, Query, Record, Seq, Topic,
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Log {
    pub(crate) epoch: Epoch,
    pub(crate) records: Vec<Record>,
    /// Events up to here are gone.
    pub(crate) forgotten: u64,
    /// Grants and revocations up to here are gone.
    pub(crate) changes_forgotten: u64,
    heads: BTreeMap<Topic, Seq>,
}

impl Log {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Log { epoch, records: Vec::new(), forgotten: 0, changes_forgotten: 0, heads: BTreeMap::new() }
    }

    pub(crate) fn head(&self) -> Seq {
        self.records.last().map_or(Seq::ZERO, Record::seq)
    }

    pub(crate) fn event(&mut self, name: &str) -> Record {
        let (seq, topic) = (self.head().next(), Topic::new(name).unwrap());
        let prev = self.heads.insert(topic.clone(), seq).unwrap_or(Seq::ZERO);
        let record = Record::Event(LoggedEvent { seq, prev, topic, text: format!("{{{seq}}}").into() });
        self.records.push(record.clone());
        record
    }

    pub(crate) fn grant(&mut self, name: &str, topic: &str) -> Record {
        let (account, topic) = (Account::new(name).unwrap(), Topic::new(topic).unwrap());
        let record = Record::Granted { seq: self.head().next(), account, topic };
        self.records.push(record.clone());
        record
    }

    pub(crate) fn revoke(&mut self, name: &str, topic: &str) -> Record {
        let (account, topic) = (Account::new(name).unwrap(), Topic::new(topic).unwrap());
        let record = Record::Revoked { seq: self.head().next(), account, topic };
        self.records.push(record.clone());
        record
    }

    pub(crate) fn is_granted(&self, name: &str, topic: &str) -> bool {
        self.grants(&Account::new(name).unwrap()).0.contains(&Topic::new(topic).unwrap())
    }

    pub(crate) fn grants(&self, who: &Account) -> (Vec<Topic>, Seq) {
        let mut granted = BTreeSet::new();
        for record in &self.records {
            step(&mut granted, record, who);
        }
        (granted.into_iter().collect(), self.head())
    }

    /// The seqs that a reader of `who` must get after `after`, with every grant of the account and these open topics.
    pub(crate) fn owed(&self, who: &str, open: &[Topic], after: u64) -> Vec<u64> {
        let query = Query {
            account: Account::new(who).unwrap(),
            granted: GrantScope::All,
            open: open.into(),
            epoch: self.epoch,
            after: Seq::new(after).unwrap(),
            max_records: usize::MAX,
            max_bytes: usize::MAX,
        };
        let page = self.read(&query);
        page.records.iter().filter(|r| matches!(r, Record::Event(_))).map(|r| r.seq().get()).collect()
    }

    pub(crate) fn read(&self, query: &Query) -> Page {
        let from = query.after.min(self.head());
        let rights_from = from.max(Seq::new(self.changes_forgotten).unwrap());
        let mut page = Page { from, rights_from, upto: self.head(), ..Page::default() };
        let mut granted = BTreeSet::new();
        let mut lost: BTreeMap<Topic, ()> = BTreeMap::new();
        for record in &self.records {
            step(&mut granted, record, &query.account);
            if record.seq() <= from {
                continue;
            }
            let in_scope = |topic: &Topic| match &query.granted {
                GrantScope::All => true,
                GrantScope::Only(topics) => topics.contains(topic),
            };
            let is_wanted = match record {
                Record::Event(e) => {
                    query.open.contains(&e.topic) || (granted.contains(&e.topic) && in_scope(&e.topic))
                }
                Record::Granted { account, topic, .. } | Record::Revoked { account, topic, .. } => {
                    *account == query.account
                        && in_scope(topic)
                        && record.seq().get() > self.changes_forgotten
                }
            };
            if !is_wanted {
                continue;
            }
            if let Record::Event(e) = record
                && e.seq.get() <= self.forgotten
            {
                lost.insert(e.topic.clone(), ());
                continue;
            }
            if page.records.len() == query.max_records {
                page.upto = page.records.last().unwrap().seq();
                break;
            }
            page.records.push(record.clone());
        }
        let before = Seq::new(self.forgotten + 1).unwrap();
        let gap = |topic| Gap { topic, after: from, before, reason: GapReason::Retention };
        page.gaps = lost.into_keys().map(gap).collect();
        page
    }
}

fn step(granted: &mut BTreeSet<Topic>, record: &Record, who: &Account) {
    match record {
        Record::Granted { account, topic, .. } if account == who => drop(granted.insert(topic.clone())),
        Record::Revoked { account, topic, .. } if account == who => drop(granted.remove(topic)),
        _ => {}
    }
}
