//! Random operations on every store at once: each answers as the model does, which looks at every record.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use bowline_log::{Batch, Entry, LogStore, MemoryStore, SegmentStore};
use bowline_proto::{Epoch, GrantScope, Query, Record, Timestamp};
use common::disk::TestDisk;
use common::model::{Model, What};
use common::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    /// Appends batches and commits them.
    Append(Vec<Batch>),
    /// Removes everything that an hour-long retention would, this long after the last time.
    Retain(u64),
    /// The process is killed and another starts; sometimes what was appended last had not been committed.
    Kill { uncommitted: Option<Batch> },
    /// Closes and opens again.
    Restart,
    /// Reads.
    Read { who: usize, open: Vec<usize>, only: Option<Vec<usize>>, back: u64, max_records: usize },
}

const WHO: [&str; 3] = ["x", "y", "z"];
const TOPICS: [&str; 5] = ["conv:a", "conv:b", "conv:c", "conv:d", "user:x"];

fn entry() -> impl Strategy<Value = Entry> {
    let (who, on) = (0..WHO.len(), 0..TOPICS.len());
    prop_oneof![
        6 => (on.clone(), 0..900usize).prop_map(|(on, size)| event(TOPICS[on], &"p".repeat(size))),
        2 => (who.clone(), on.clone()).prop_map(|(who, on)| grant(WHO[who], TOPICS[on])),
        1 => (who, on).prop_map(|(who, on)| revoke(WHO[who], TOPICS[on])),
    ]
}

fn a_batch() -> impl Strategy<Value = Batch> {
    proptest::collection::vec(entry(), 1..6).prop_map(batch)
}

fn op() -> impl Strategy<Value = Op> {
    let topics = || proptest::collection::vec(0..TOPICS.len(), 0..3);
    prop_oneof![
        8 => proptest::collection::vec(a_batch(), 1..4).prop_map(Op::Append),
        2 => (0..80u64).prop_map(Op::Retain),
        1 => proptest::option::of(a_batch()).prop_map(|uncommitted| Op::Kill { uncommitted }),
        1 => Just(Op::Restart),
        8 => (0..WHO.len(), topics(), proptest::option::of(topics()), 0..200u64, 1..40usize).prop_map(
            |(who, open, only, back, max_records)| Op::Read { who, open, only, back, max_records }
        ),
    ]
}

/// A file store and what it takes to start it again.
struct Files {
    disk: TestDisk,
    store: SegmentStore,
    config: bowline_log::SegmentConfig,
}

const MINUTE: u64 = 60_000;

fn config() -> bowline_log::SegmentConfig {
    small().retain_age(Some(std::time::Duration::from_secs(3600))).index_cache_bytes(0)
}

fn check(store: &dyn LogStore, model: &Model, query: &Query) {
    let page = store.read(query).unwrap();
    let expected = model.read(query, store.status().oldest.get());
    assert_eq!(page.from, query.after);
    assert_eq!(seqs(&page), expected.seqs, "{query:?}");
    // Everything up to `upto` has been told: it may reach past the last record, never past one that did not fit.
    let upto = page.upto.get();
    assert!(upto >= expected.upto && upto <= model.head(), "{query:?}: {upto}");
    assert!(expected.behind.is_none_or(|behind| upto < behind), "{query:?}: {upto}");
    let mut gaps = page.gaps.clone();
    gaps.sort_by(|a, b| (a.after, &a.topic).cmp(&(b.after, &b.topic)));
    let told = expected.gaps.iter().filter(|gap| gap.after.get() < upto).cloned().collect::<Vec<_>>();
    assert_eq!(gaps, told, "{query:?}");
    for record in &page.records {
        let what = &model.records[record.seq().get() as usize - 1];
        match (record, what) {
            (Record::Event(event), What::Event { topic, prev }) => {
                assert_eq!((&event.topic, event.prev.get()), (topic, *prev));
            }
            (Record::Granted { account, topic, .. }, What::Grant { account: whose, topic: its })
            | (Record::Revoked { account, topic, .. }, What::Revoke { account: whose, topic: its }) => {
                assert_eq!((account.as_str(), topic), (whose.as_str(), its));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn run(ops: &[Op]) {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, config(), "boot", 1);
    let mut files = Files { disk, store, config: config() };
    let memory = MemoryStore::new(Epoch::from_bits(1), config());
    let mut model = Model::default();
    let mut now = 0;
    for op in ops {
        match op {
            Op::Append(batches) => {
                let expected: Vec<_> = batches.iter().map(|batch| model.append(batch)).collect();
                for store in [&files.store as &dyn LogStore, &memory] {
                    let outcomes = store.append(batches, Timestamp(now)).unwrap();
                    assert_eq!(outcomes.iter().map(places).collect::<Vec<_>>(), expected);
                    store.commit().unwrap();
                    assert_eq!(store.status().head.get(), model.head());
                }
            }
            Op::Retain(minutes) => {
                now += minutes * MINUTE;
                for store in [&files.store as &dyn LogStore, &memory] {
                    let oldest = store.retain(Timestamp(now)).unwrap();
                    assert_eq!(oldest, store.status().oldest);
                }
            }
            Op::Kill { uncommitted } => {
                if let Some(batch) = uncommitted {
                    files.store.append(std::slice::from_ref(batch), Timestamp(now)).unwrap();
                }
                restart(&mut files);
            }
            Op::Restart => {
                files.store.close().unwrap();
                restart(&mut files);
            }
            Op::Read { who, open, only, back, max_records } => {
                let names = |at: &[usize]| at.iter().map(|&at| topic(TOPICS[at])).collect::<Vec<_>>();
                let query = Query {
                    account: account(WHO[*who]),
                    granted: match only {
                        Some(only) => GrantScope::Only(names(only).into()),
                        None => GrantScope::All,
                    },
                    open: names(open).into(),
                    epoch: Epoch::from_bits(1),
                    after: seq(model.head().saturating_sub(*back)),
                    max_records: *max_records,
                    max_bytes: usize::MAX,
                };
                check(&files.store, &model, &query);
                check(&memory, &model, &query);
            }
        }
        for who in WHO {
            let held = TOPICS.iter().map(|name| topic(name));
            let expected: Vec<_> = held.filter(|t| model.has_right(who, t, model.head() + 1)).collect();
            assert_eq!(files.store.grants(&account(who)), (expected.clone(), seq(model.head())));
            assert_eq!(memory.grants(&account(who)).0, expected);
        }
    }
}

/// Another process finds what the last one left. The disk is copied: whoever still had the old one would not disturb.
fn restart(files: &mut Files) {
    files.disk = files.disk.copy();
    let disk = Arc::new(files.disk.clone());
    let (store, recovery) = SegmentStore::open(disk, files.config.clone(), opening("boot", 99)).unwrap();
    assert_eq!(recovery.epoch_change, None);
    assert_eq!(recovery.missing_segments, [0; 0]);
    files.store = store;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_store_answers_as_the_model_does(ops in proptest::collection::vec(op(), 1..60)) {
        run(&ops);
    }
}
