//! What the tests of the log share: short names for what they append and ask, and a disk that can be broken.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod disk;
pub(crate) mod model;
pub(crate) mod work;

use std::sync::Arc;

use bowline_log::{
    Appended, Batch, BootId, Entry, IdempotencyKey, LogStore, NewEvent, Opening, Recovery, SegmentConfig,
    SegmentStore,
};
use bowline_proto::{Account, Epoch, GrantScope, Page, Query, Record, Seq, Timestamp, Topic};

pub(crate) fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

pub(crate) fn account(name: &str) -> Account {
    Account::new(name).unwrap()
}

pub(crate) fn seq(n: u64) -> Seq {
    Seq::new(n).unwrap()
}

pub(crate) fn event(on: &str, payload: &str) -> Entry {
    let payload = format!("{{\"text\":\"{payload}\"}}").into();
    Entry::Event(NewEvent { topic: topic(on), kind: "message.new".into(), payload, timestamp: Timestamp(7) })
}

pub(crate) fn grant(to: &str, on: &str) -> Entry {
    Entry::Grant { account: account(to), topic: topic(on) }
}

pub(crate) fn revoke(from: &str, on: &str) -> Entry {
    Entry::Revoke { account: account(from), topic: topic(on) }
}

pub(crate) fn batch(entries: impl IntoIterator<Item = Entry>) -> Batch {
    Batch { entries: entries.into_iter().collect(), key: None }
}

pub(crate) fn keyed(entries: impl IntoIterator<Item = Entry>, key: &str, body: u8) -> Batch {
    let key = IdempotencyKey { account: account("publisher"), key: key.into(), body: [body; 32] };
    Batch { entries: entries.into_iter().collect(), key: Some(key) }
}

/// Appends and commits one batch; its places.
pub(crate) fn put_at(store: &dyn LogStore, entries: impl IntoIterator<Item = Entry>, now: u64) -> Vec<u64> {
    let outcome = store.append(&[batch(entries)], Timestamp(now)).unwrap().remove(0);
    store.commit().unwrap();
    places(&outcome)
}

pub(crate) fn put(store: &dyn LogStore, entries: impl IntoIterator<Item = Entry>) -> Vec<u64> {
    put_at(store, entries, 1000)
}

pub(crate) fn places(outcome: &Appended) -> Vec<u64> {
    match outcome {
        Appended::New { seqs } | Appended::Repeated { seqs } => seqs.iter().map(|seq| seq.get()).collect(),
        Appended::KeyReused => panic!("the key was reused"),
    }
}

/// A reader of `open` topics and all of `who`'s grants.
pub(crate) fn query(store: &dyn LogStore, who: &str, open: &[&str], after: u64) -> Query {
    Query {
        account: account(who),
        granted: GrantScope::All,
        open: open.iter().map(|name| topic(name)).collect::<Vec<_>>().into(),
        epoch: store.status().epoch,
        after: seq(after),
        max_records: usize::MAX,
        max_bytes: usize::MAX,
    }
}

pub(crate) fn seqs(page: &Page) -> Vec<u64> {
    page.records.iter().map(|record| record.seq().get()).collect()
}

/// Gaps as `(topic, after, before, reason)`.
pub(crate) fn gaps(page: &Page) -> Vec<(String, u64, u64, bowline_proto::GapReason)> {
    let gaps = page.gaps.iter();
    gaps.map(|gap| (gap.topic.to_string(), gap.after.get(), gap.before.get(), gap.reason)).collect()
}

/// The texts of all events in a page.
pub(crate) fn texts(page: &Page) -> Vec<String> {
    let events = page.records.iter().filter_map(|record| match record {
        Record::Event(event) => Some(String::from_utf8(event.text.to_vec()).unwrap()),
        Record::Granted { .. } | Record::Revoked { .. } => None,
    });
    events.collect()
}

pub(crate) fn opening(boot: &str, epoch: u64) -> Opening {
    Opening { boot: BootId::new(boot), fresh_epoch: Epoch::from_bits(epoch), now: Timestamp(1000) }
}

pub(crate) fn open(
    disk: &disk::TestDisk,
    config: SegmentConfig,
    boot: &str,
    epoch: u64,
) -> (SegmentStore, Recovery) {
    SegmentStore::open(Arc::new(disk.clone()), config, opening(boot, epoch)).unwrap()
}

/// Segments as small as they get, so that a few events make several.
pub(crate) fn small() -> SegmentConfig {
    SegmentConfig::default().segment_bytes(0).retain_age(None).retain_bytes(None)
}
