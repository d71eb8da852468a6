//! Each operation on every store at once, and on the model.

use std::sync::Arc;

use bowline_log::{LogStore, MemoryStore, SegmentStore};
use bowline_proto::{Epoch, GrantScope, Query, Record, Timestamp};

use super::common::disk::TestDisk;
use super::common::model::{Model, What};
use super::common::{account, open, opening, places, seq, seqs, small, topic};
use super::ops::{Op, TOPICS, WHO};

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

/// Runs the operations on all stores at once.
pub(crate) fn run(ops: impl IntoIterator<Item = Op>) {
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
                    let outcomes = store.append(&batches, Timestamp(now)).unwrap();
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
                    files.store.append(&[batch], Timestamp(now)).unwrap();
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
                    account: account(WHO[who]),
                    granted: match only {
                        Some(only) => GrantScope::Only(names(&only).into()),
                        None => GrantScope::All,
                    },
                    open: names(&open).into(),
                    epoch: Epoch::from_bits(1),
                    after: seq(model.head().saturating_sub(back)),
                    max_records,
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
