//! Who may see what: the slow and plain way, one record after the other, on purpose unlike the checker's.

use std::collections::BTreeMap;

use bowline_proto::{Account, GrantScope, Record, Seq, Topic};

use crate::history::Reader;

/// Whether `reader` may see `topic` at `seq`, by the records.
pub(crate) fn has_right(reader: &Reader, records: &BTreeMap<Seq, Record>, topic: &Topic, seq: Seq) -> bool {
    if reader.open.contains(topic) || reader.asked.contains(topic) {
        return true;
    }
    let counts = match &reader.granted {
        GrantScope::All => true,
        GrantScope::Only(topics) => topics.contains(topic),
    };
    counts && holds(records, &reader.account, topic, seq)
}

pub(super) fn holds(records: &BTreeMap<Seq, Record>, account: &Account, topic: &Topic, seq: Seq) -> bool {
    let says = |record: &Record| match record {
        Record::Granted { account: whose, topic: what, .. } if whose == account && what == topic => {
            Some(true)
        }
        Record::Revoked { account: whose, topic: what, .. } if whose == account && what == topic => {
            Some(false)
        }
        Record::Event(_) | Record::Granted { .. } | Record::Revoked { .. } => None,
    };
    records.range(..=seq).rev().find_map(|(_, record)| says(record)).unwrap_or(false)
}

/// The position `seq`.
pub(super) fn at(seq: u64) -> Seq {
    Seq::new(seq).unwrap_or(Seq::MAX)
}
