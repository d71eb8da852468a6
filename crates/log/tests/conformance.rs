//! What every store promises, whatever it is made of.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bowline_log::{Appended, LogStore, MemoryStore, RealDisk, SegmentConfig, SegmentStore};
use bowline_proto::{
    Epoch, GapReason, GrantScope, Limits, Record, ServerFrame, Timestamp, decode_server_frame,
};
use common::disk::TestDisk;
use common::*;

type Store = Arc<dyn LogStore>;

fn every_event_has_its_place_in_the_log_and_in_its_topic(store: &Store) {
    let outcome = store
        .append(
            &[batch([event("conv:a", "1"), event("conv:b", "2")]), batch([event("conv:a", "3")])],
            Timestamp(1),
        )
        .unwrap();
    assert_eq!(outcome.iter().map(places).collect::<Vec<_>>(), [vec![1, 2], vec![3]]);
    let records = store.commit().unwrap();
    let chain: Vec<_> = records
        .iter()
        .map(|record| match record {
            Record::Event(event) => (event.seq.get(), event.prev.get(), event.topic.to_string()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(chain, [(1, 0, "conv:a".into()), (2, 0, "conv:b".into()), (3, 1, "conv:a".into())]);
    let page = store.read(&query(&**store, "x", &["conv:a", "conv:b"], 0)).unwrap();
    assert_eq!(page.records, &records[..]);
    assert_eq!((page.from, page.upto, page.gaps.len()), (seq(0), seq(3), 0));
}

fn the_text_in_the_log_is_the_frame_that_goes_to_sockets(store: &Store) {
    put(&**store, [event("conv:a", "hello")]);
    let page = store.read(&query(&**store, "x", &["conv:a"], 0)).unwrap();
    let [Record::Event(logged)] = &page.records[..] else { panic!() };
    let frame = decode_server_frame(&logged.text, &Limits::default()).unwrap();
    let ServerFrame::Event { head, body } = frame else { panic!() };
    assert_eq!(head.place.unwrap().seq, seq(1));
    assert_eq!(head.topic, Some(topic("conv:a")));
    assert_eq!(&body.payload[..], br#"{"text":"hello"}"#);
}

fn nothing_is_seen_before_its_commit(store: &Store) {
    put(&**store, [event("conv:a", "1")]);
    let appended = [batch([event("conv:a", "2"), grant("x", "conv:b"), event("conv:b", "3")])];
    store.append(&appended, Timestamp(1)).unwrap();
    assert_eq!(store.status().head, seq(1));
    assert_eq!(store.grants(&account("x")), (vec![], seq(1)));
    let asked = query(&**store, "x", &["conv:a"], 0);
    assert_eq!(seqs(&store.read(&asked).unwrap()), [1]);
    assert_eq!(store.read(&asked).unwrap().upto, seq(1));
    store.commit().unwrap();
    assert_eq!(seqs(&store.read(&asked).unwrap()), [1, 2, 3, 4]);
    assert_eq!(store.grants(&account("x")), (vec![topic("conv:b")], seq(4)));
}

fn a_right_counts_at_the_events_own_position(store: &Store) {
    put(&**store, [event("conv:a", "before")]);
    put(&**store, [grant("x", "conv:a"), event("conv:a", "seen"), grant("y", "conv:a")]);
    put(&**store, [revoke("x", "conv:a"), event("conv:a", "after"), grant("x", "conv:a")]);
    put(&**store, [event("conv:a", "again"), grant("x", "conv:b"), event("conv:b", "b")]);
    let all = store.read(&query(&**store, "x", &[], 0)).unwrap();
    assert_eq!(seqs(&all), [2, 3, 5, 7, 8, 9, 10]);
    let mut only = query(&**store, "x", &[], 0);
    only.granted = GrantScope::Only([topic("conv:b"), topic("conv:never")].into());
    assert_eq!(seqs(&store.read(&only).unwrap()), [9, 10]);
    only.open = [topic("conv:a")].into();
    assert_eq!(seqs(&store.read(&only).unwrap()), [1, 3, 6, 8, 9, 10], "open topics need no right");
    assert!(store.read(&query(&**store, "nobody", &[], 0)).unwrap().records.is_empty());
    assert_eq!(store.grants(&account("x")).0, [topic("conv:a"), topic("conv:b")]);
}

fn granting_what_is_granted_takes_no_place(store: &Store) {
    assert_eq!(put(&**store, [revoke("x", "conv:a")]), [0]);
    assert_eq!(put(&**store, [grant("x", "conv:a"), grant("x", "conv:a")]), [1, 1]);
    assert_eq!(put(&**store, [grant("x", "conv:a")]), [1]);
    assert_eq!(put(&**store, [revoke("x", "conv:a"), revoke("x", "conv:a"), event("conv:a", "")]), [2, 2, 3]);
    assert_eq!(store.status().head, seq(3));
    assert!(store.commit().unwrap().is_empty());
}

fn a_repeated_key_gives_the_same_places_and_appends_nothing(store: &Store) {
    let first = keyed([event("conv:a", "1"), event("conv:b", "2")], "k", 1);
    let outcomes = store.append(&[first.clone(), first.clone()], Timestamp(5)).unwrap();
    assert_eq!(outcomes[0], Appended::New { seqs: vec![seq(1), seq(2)] });
    assert_eq!(outcomes[1], Appended::Repeated { seqs: vec![seq(1), seq(2)] }, "in the same append");
    assert_eq!(
        store.append(std::slice::from_ref(&first), Timestamp(5)).unwrap()[0],
        outcomes[1],
        "before its commit"
    );
    assert_eq!(store.commit().unwrap().len(), 2);
    assert_eq!(store.append(&[first], Timestamp(5)).unwrap()[0], outcomes[1], "after its commit");
    let other = keyed([event("conv:a", "1")], "k", 2);
    assert_eq!(store.append(std::slice::from_ref(&other), Timestamp(5)).unwrap()[0], Appended::KeyReused);
    assert!(store.commit().unwrap().is_empty());
    const DAY: u64 = 24 * 3600 * 1000;
    assert_eq!(
        store.append(std::slice::from_ref(&other), Timestamp(4 + DAY)).unwrap()[0],
        Appended::KeyReused
    );
    let later = store.append(&[other], Timestamp(5 + DAY)).unwrap();
    assert_eq!(later[0], Appended::New { seqs: vec![seq(3)] });
}

fn a_key_is_remembered_for_a_batch_that_changes_nothing(store: &Store) {
    put(&**store, [grant("x", "conv:a")]);
    let none = keyed([grant("x", "conv:a")], "k", 1);
    assert_eq!(
        store.append(std::slice::from_ref(&none), Timestamp(1)).unwrap()[0],
        Appended::New { seqs: vec![seq(1)] }
    );
    store.commit().unwrap();
    put(&**store, [event("conv:a", "")]);
    assert_eq!(store.append(&[none], Timestamp(1)).unwrap()[0], Appended::Repeated { seqs: vec![seq(1)] });
}

fn pages_follow_on_each_other_without_hole_or_overlap(store: &Store) {
    put(&**store, [grant("x", "conv:0"), grant("x", "conv:1")]);
    for n in 0..300 {
        put(&**store, [event(&format!("conv:{}", n % 3), "some text that takes a little room")]);
    }
    let whole = store.read(&query(&**store, "x", &["conv:2"], 0)).unwrap();
    assert_eq!(whole.records.len(), 302);
    for (max_records, max_bytes) in
        [(1, usize::MAX), (7, usize::MAX), (usize::MAX, 1), (usize::MAX, 500), (1000, 1)]
    {
        let (mut after, mut joined) = (0, Vec::new());
        loop {
            let mut asked = query(&**store, "x", &["conv:2"], after);
            (asked.max_records, asked.max_bytes) = (max_records, max_bytes);
            let page = store.read(&asked).unwrap();
            assert!(page.records.len() <= max_records);
            let texts = texts(&page);
            let but_last: usize = texts.iter().rev().skip(1).map(String::len).sum();
            assert!(but_last < max_bytes, "{but_last} {max_bytes}");
            assert_eq!(page.from, seq(after));
            after = page.upto.get();
            let is_last = page.records.is_empty();
            joined.extend(page.records);
            if is_last {
                break;
            }
        }
        assert_eq!(joined, whole.records);
        assert_eq!(after, store.status().head.get());
    }
}

fn a_cursor_of_another_log_starts_over_and_is_told(store: &Store) {
    put(&**store, [grant("x", "conv:a"), event("conv:a", "1"), event("conv:b", "2"), event("user:x", "3")]);
    let mut asked = query(&**store, "x", &["user:x"], 2);
    asked.epoch = Epoch::from_bits(!asked.epoch.bits());
    let page = store.read(&asked).unwrap();
    assert_eq!((page.from, page.upto), (seq(0), seq(4)));
    assert_eq!(seqs(&page), [1, 2, 4]);
    let told = [("conv:a", 0, 1), ("user:x", 0, 1)];
    assert_eq!(gaps(&page), told.map(|(t, after, before)| (t.into(), after, before, GapReason::Epoch)));
    asked.after = seq(0);
    assert_eq!(gaps(&store.read(&asked).unwrap()), [], "who has nothing can have lost nothing");
}

fn a_cursor_ahead_of_the_head_goes_on_at_the_head_and_is_told(store: &Store) {
    put(&**store, [grant("x", "conv:a"), event("conv:a", "1")]);
    put(&**store, [revoke("x", "conv:a"), grant("x", "conv:b")]);
    let page = store.read(&query(&**store, "x", &["user:x"], 1000)).unwrap();
    assert_eq!((page.from, page.upto, page.records.len()), (seq(4), seq(4), 0));
    let told = [("conv:b", 4, 5), ("user:x", 4, 5)];
    assert_eq!(gaps(&page), told.map(|(t, after, before)| (t.into(), after, before, GapReason::Epoch)));
}

fn a_cursor_at_the_head_misses_nothing(store: &Store) {
    put(&**store, [event("conv:a", "1")]);
    let page = store.read(&query(&**store, "x", &["conv:a"], 1)).unwrap();
    assert_eq!((page.from, page.upto), (seq(1), seq(1)));
    assert!(page.records.is_empty() && page.gaps.is_empty());
}

fn an_empty_log_answers(store: &Store) {
    let status = store.status();
    assert_eq!((status.head, status.oldest), (seq(0), seq(1)));
    let page = store.read(&query(&**store, "x", &["conv:a"], 0)).unwrap();
    assert_eq!((page.from, page.upto), (seq(0), seq(0)));
    assert!(page.records.is_empty() && page.gaps.is_empty());
    assert_eq!(store.grants(&account("x")), (vec![], seq(0)));
    assert!(store.commit().unwrap().is_empty());
    assert_eq!(store.retain(Timestamp(u64::MAX)).unwrap(), seq(1));
}

fn only_topics_that_lost_events_get_a_gap(store: &Store) {
    const HOUR: u64 = 3_600_000;
    put_at(&**store, [grant("x", "conv:lost"), grant("x", "conv:quiet"), grant("x", "conv:ended")], 0);
    put_at(&**store, [event("conv:lost", "4"), event("conv:ended", "5"), event("conv:foreign", "6")], 0);
    put_at(&**store, [revoke("x", "conv:ended"), event("conv:ended", "8"), event("user:x", "9")], 0);
    let padding = "p".repeat(9000);
    put_at(&**store, [event("conv:pad", &padding)], 0);
    put_at(&**store, [event("conv:lost", "11")], 50 * HOUR);
    let oldest = store.retain(Timestamp(50 * HOUR)).unwrap();
    assert!(oldest >= seq(10) && oldest <= seq(11), "{oldest}");
    assert_eq!(store.status().oldest, oldest);
    let page = store.read(&query(&**store, "x", &["user:x"], 0)).unwrap();
    assert_eq!((page.from, page.upto), (seq(0), seq(11)));
    // A right that goes on outlives the events around its grant; one that has ended goes with them.
    assert_eq!(seqs(&page), [1, 2, 11]);
    let mut told = gaps(&page);
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("conv:ended", 3, 6), ("conv:lost", 1, 5), ("user:x", 0, 10)];
    assert_eq!(told, expected.map(|(t, after, before)| (t.into(), after, before, GapReason::Retention)));
    let later = store.read(&query(&**store, "x", &["user:x"], 5)).unwrap();
    assert_eq!(gaps(&later), [("user:x".into(), 5, 10, GapReason::Retention)]);
    let latest = store.read(&query(&**store, "x", &["user:x"], 9)).unwrap();
    assert_eq!((gaps(&latest), seqs(&latest)), (vec![], vec![11]));
    assert_eq!(seqs(&later), [11]);
    assert_eq!(store.grants(&account("x")).0, [topic("conv:lost"), topic("conv:quiet")]);
}

fn a_closed_store_reads_and_refuses_appends(store: &Store) {
    put(&**store, [event("conv:a", "1")]);
    store.append(&[batch([event("conv:a", "2")])], Timestamp(1)).unwrap();
    store.close().unwrap();
    assert!(store.append(&[batch([event("conv:a", "3")])], Timestamp(1)).is_err());
    assert!(store.commit().is_err());
    assert_eq!(seqs(&store.read(&query(&**store, "x", &["conv:a"], 0)).unwrap()), [1, 2]);
    store.close().unwrap();
}

fn readers_see_a_growing_whole_prefix_while_the_writer_writes(store: &Store) {
    let is_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, is_done) = (Arc::clone(store), Arc::clone(&is_done));
            thread::spawn(move || {
                let mut after = 0;
                let mut seen = Vec::new();
                loop {
                    let was_done = is_done.load(Ordering::SeqCst);
                    let mut asked = query(&*store, "x", &["conv:a", "conv:b"], after);
                    asked.max_records = 50;
                    let page = store.read(&asked).unwrap();
                    assert!(page.gaps.is_empty(), "{:?}", page.gaps);
                    seen.extend(seqs(&page));
                    after = page.upto.get();
                    if was_done && page.records.is_empty() {
                        return seen;
                    }
                }
            })
        })
        .collect();
    for n in 0..400 {
        put(&**store, [event("conv:a", "one"), event("conv:b", &format!("two {n}")), event("conv:c", "x")]);
    }
    is_done.store(true, Ordering::SeqCst);
    let expected: Vec<u64> = (1..=1200).filter(|n| n % 3 != 0).collect();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), expected);
    }
}

/// One module a store, one test a promise.
macro_rules! suite {
    ($($promise:ident)*) => {
        mod in_memory { $(#[test] fn $promise() { super::in_memory(super::$promise); })* }
        mod in_files { $(#[test] fn $promise() { super::in_files(super::$promise); })* }
        mod in_small_segments { $(#[test] fn $promise() { super::in_small_segments(super::$promise); })* }
        mod on_a_real_disk { $(#[test] fn $promise() { super::on_a_real_disk(super::$promise); })* }
    };
}

suite! {
    every_event_has_its_place_in_the_log_and_in_its_topic
    the_text_in_the_log_is_the_frame_that_goes_to_sockets
    nothing_is_seen_before_its_commit
    a_right_counts_at_the_events_own_position
    granting_what_is_granted_takes_no_place
    a_repeated_key_gives_the_same_places_and_appends_nothing
    a_key_is_remembered_for_a_batch_that_changes_nothing
    pages_follow_on_each_other_without_hole_or_overlap
    a_cursor_of_another_log_starts_over_and_is_told
    a_cursor_ahead_of_the_head_goes_on_at_the_head_and_is_told
    a_cursor_at_the_head_misses_nothing
    an_empty_log_answers
    only_topics_that_lost_events_get_a_gap
    a_closed_store_reads_and_refuses_appends
    readers_see_a_growing_whole_prefix_while_the_writer_writes
}

/// Two days of retention.
fn config() -> SegmentConfig {
    SegmentConfig::default().retain_age(Some(std::time::Duration::from_secs(40 * 3600)))
}

fn in_memory(promise: fn(&Store)) {
    let store: Store = Arc::new(MemoryStore::new(Epoch::from_bits(1), config()));
    promise(&store);
}

fn in_files(promise: fn(&Store)) {
    let (store, _) = open(&TestDisk::default(), config().segment_bytes(8 << 10), "boot", 1);
    let store: Store = Arc::new(store);
    promise(&store);
}

fn in_small_segments(promise: fn(&Store)) {
    let (store, _) = open(&TestDisk::default(), config().segment_bytes(0).index_cache_bytes(0), "boot", 1);
    let store: Store = Arc::new(store);
    promise(&store);
}

fn on_a_real_disk(promise: fn(&Store)) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::open(dir.path()).unwrap());
    let config = config().segment_bytes(8 << 10).durability(bowline_log::Durability::Os);
    let (store, recovery) = SegmentStore::open(disk, config, opening("boot", 1)).unwrap();
    assert!(recovery.was_clean && recovery.epoch_change.is_none());
    let store: Store = Arc::new(store);
    promise(&store);
}
