//! What is left of a log whose files were damaged: never a wrong event, every loss told, and the same again the next time.

#![allow(clippy::unwrap_used, reason = "a target fails by panicking")]

use std::sync::{Arc, OnceLock};

use bowline_log::{EpochChange, LogStore, Recovery, SegmentConfig, SegmentStore, StoreError};
use bowline_proto::{Epoch, Page, Record};

use crate::choices::Choices;
use crate::damage::{damage, forge};
use crate::log_common::disk::TestDisk;
use crate::log_common::{
    account, batch, event, grant, keyed, open, opening, put, put_at, query, revoke, small, topic,
};

/// Epochs: of the logs before they were damaged, and of those who open them.
const FIRST: u64 = 0xA;
const LATER: [u64; 3] = [0xB, 0xC, 0xD];

/// Changes of a disk within one recovery: a handful of files, each written, synced and renamed.
const MOST_CHANGES: usize = 400;

/// A log as its process left it, and what it had acknowledged.
struct Before {
    disk: TestDisk,
    /// Position, topic and text of every event that is retained.
    events: Vec<(u64, &'static str, Vec<u8>)>,
    head: u64,
}

/// Which log, whether its checksums are made right again after the damage, the damage.
pub fn log_recovery(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let before = &logs()[choices.index(3)];
    let is_forged = choices.sometimes(64);
    let boot = choices.one_of(&["boot", "another boot"]);
    let disk = before.disk.copy();
    damage(&disk, &mut choices);
    if is_forged {
        forge(&disk);
    }
    if !disk.names().iter().any(|name| name == "state" || name.ends_with(".log")) {
        // Nothing says that there was a log.
        return;
    }
    let found = reopen(&disk, boot, LATER[0]);
    let (store, recovery) = match found {
        Ok(found) => found,
        // A checksum that holds over a version that is not ours is no damage.
        Err(StoreError::Foreign { .. }) if is_forged => return,
        Err(error) => panic!("{error}"),
    };
    if !is_forged {
        judge(before, &store, &recovery);
    }
    let lost = the_same_again(&disk, &store, boot);
    // What a lying file hides nobody can tell; what damage hides would have been told above.
    assert!(!lost || is_forged, "an append that nobody can read");
}

fn config() -> SegmentConfig {
    small().index_cache_bytes(0)
}

fn reopen(disk: &TestDisk, boot: &str, epoch: u64) -> Result<(SegmentStore, Recovery), StoreError> {
    let changes = disk.changes();
    let found = SegmentStore::open(Arc::new(disk.clone()), config(), opening(boot, epoch));
    assert!(disk.changes() - changes < MOST_CHANGES, "{} changes", disk.changes() - changes);
    found
}

const TOPICS: [&str; 4] = ["conv:a", "conv:b", "conv:c", "conv:quiet"];

/// All events, as a reader gets them who sees every topic and has seen the first record, which is none of them: who has seen
/// nothing starts at whatever is the oldest then.
fn read(store: &SegmentStore, epoch: u64) -> Page {
    let mut query = query(store, "nobody", &TOPICS, 1);
    query.epoch = Epoch::from_bits(epoch);
    let page = store.read(&query).unwrap();
    let seqs: Vec<_> = page.records.iter().map(Record::seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    page
}

/// No wrong event, no loss that is not told, nothing acknowledged that is taken back in silence.
fn judge(before: &Before, store: &SegmentStore, recovery: &Recovery) {
    let page = read(store, FIRST);
    for record in &page.records {
        let Record::Event(found) = record else { continue };
        let seq = found.seq.get();
        let is_right = before
            .events
            .iter()
            .any(|(at, on, text)| (*at, *on) == (seq, found.topic.as_str()) && text[..] == found.text[..]);
        assert!(is_right, "{seq} of {} was never like this", found.topic);
    }
    for (at, on, _) in &before.events {
        let is_there = page.records.iter().any(|record| record.seq().get() == *at);
        let is_told = page
            .gaps
            .iter()
            .any(|gap| gap.topic == topic(on) && gap.after.get() < *at && *at < gap.before.get());
        assert_ne!(is_there, is_told, "{at} of {on}: {recovery:?} {:?}", page.gaps);
    }
    let status = store.status();
    match recovery.epoch_change {
        None => assert_eq!((status.epoch, status.head.get()), (Epoch::from_bits(FIRST), before.head)),
        Some(_) => assert_eq!(status.epoch, Epoch::from_bits(LATER[0])),
    }
    if recovery.epoch_change == Some(EpochChange::StateUnknown) || recovery.epoch_change.is_none() {
        return;
    }
    // A place is never given twice.
    assert!(status.head.get() >= before.head, "{status:?}");
}

/// Recovering once more finds what was found, also after something was appended. Says whether that can't be read.
fn the_same_again(disk: &TestDisk, store: &SegmentStore, boot: &str) -> bool {
    let all = |store: &SegmentStore| (store.status().epoch, store.status().head, read(store, FIRST));
    let found = all(store);
    let (again, recovery) = reopen(&disk.copy(), boot, LATER[1]).unwrap();
    assert_eq!(recovery.epoch_change, None, "recovered once, it is in order");
    assert_eq!(all(&again), found);
    store.append(&[batch([event("conv:b", "new")])], bowline_proto::Timestamp(2000)).unwrap();
    store.commit().unwrap();
    let after = all(store);
    assert!(after.1 > found.1, "an append has a place of its own");
    let (again, recovery) = reopen(&disk.copy(), boot, LATER[2]).unwrap();
    assert_eq!(recovery.epoch_change, None);
    assert_eq!(all(&again), after);
    after.2.records.len() != found.2.records.len() + 1
}

fn logs() -> &'static [Before; 3] {
    static LOGS: OnceLock<[Before; 3]> = OnceLock::new();
    LOGS.get_or_init(|| [killed(), closed(), retained()])
}

/// What a store holds, taken down before anything happens to it.
fn before(disk: &TestDisk, store: &SegmentStore) -> Before {
    let page = read(store, FIRST);
    let events = page.records.iter().filter_map(|record| match record {
        Record::Event(event) => {
            let on = TOPICS.into_iter().find(|on| *on == event.topic.as_str()).unwrap();
            Some((event.seq.get(), on, event.text.to_vec()))
        }
        Record::Granted { .. } | Record::Revoked { .. } => None,
    });
    Before { disk: disk.copy(), events: events.collect(), head: store.status().head.get() }
}

/// One segment, whose process was killed.
fn killed() -> Before {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, config(), "boot", FIRST);
    put(&store, [grant("x", "conv:a"), event("conv:a", "2")]);
    put(&store, [event("conv:b", "3"), event("conv:a", "4"), revoke("x", "conv:a")]);
    let batch = keyed([event("conv:a", "5"), event("conv:b", "6")], "k", 1);
    store.append(&[batch], bowline_proto::Timestamp(1000)).unwrap();
    store.commit().unwrap();
    before(&disk, &store)
}

/// Several segments, closed in order.
fn closed() -> Before {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, config(), "boot", FIRST);
    put(&store, [grant("x", "conv:a")]);
    fill(&store, 1000);
    store.close().unwrap();
    before(&disk, &store)
}

/// Several segments behind some that retention has removed; killed.
fn retained() -> Before {
    const HOUR: u64 = 3_600_000;
    let disk = TestDisk::default();
    let config = config().retain_age(Some(core::time::Duration::from_secs(3600)));
    let (store, _) = open(&disk, config, "boot", FIRST);
    put_at(&store, [grant("y", "conv:b"), event("conv:c", "old")], 1000);
    fill(&store, 1000);
    put_at(&store, [revoke("y", "conv:b"), grant("z", "conv:c")], 3 * HOUR);
    fill(&store, 3 * HOUR);
    store.retain(bowline_proto::Timestamp(3 * HOUR)).unwrap();
    assert!(store.status().oldest.get() > 1, "something was removed");
    assert!(store.grants(&account("z")).0.contains(&topic("conv:c")));
    before(&disk, &store)
}

fn fill(store: &SegmentStore, now: u64) {
    let padding = "p".repeat(600);
    for n in 0..20 {
        // `conv:b` has events in some segments only.
        put_at(store, [event(if n % 13 == 5 { "conv:b" } else { "conv:a" }, &padding)], now);
    }
}
