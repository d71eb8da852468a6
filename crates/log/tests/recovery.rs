//! What is left of the log after its files were cut, flipped, deleted, or left by a killed process or a power cut.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use bowline_log::{Appended, Durability, EpochChange, LogStore, SegmentConfig, SegmentStore, StoreError};
use bowline_proto::{Epoch, GapReason, Record, Timestamp};
use common::disk::{Names, TestDisk};
use common::work::{FIRST, SECOND, keeps, work};
use common::*;
use std::sync::Arc;

/// A small log whose process was killed after the last commit: rights, two topics, a key.
fn killed() -> TestDisk {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    put(&store, [grant("x", "conv:a"), event("conv:a", "2")]);
    put(&store, [event("conv:b", "3"), event("conv:a", "4")]);
    store.append(&[keyed([event("conv:a", "5"), event("conv:b", "6")], "k", 1)], Timestamp(1000)).unwrap();
    store.commit().unwrap();
    disk.copy()
}

fn last_log(disk: &TestDisk) -> String {
    disk.names().into_iter().rfind(|name| name.ends_with(".log")).unwrap()
}

fn read_all(store: &SegmentStore) -> Vec<u64> {
    seqs(&store.read(&query(store, "x", &["conv:b"], 0)).unwrap())
}

#[test]
fn a_killed_process_loses_nothing_and_keeps_the_epoch() {
    let disk = killed();
    let (store, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!((recovery.epoch_change, recovery.dropped_bytes, recovery.was_clean), (None, 0, false));
    assert_eq!(store.status().epoch, Epoch::from_bits(FIRST));
    assert_eq!(read_all(&store), [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.grants(&account("x")).0, [topic("conv:a")]);
    let again = keyed([event("conv:a", "5"), event("conv:b", "6")], "k", 1);
    assert_eq!(
        store.append(&[again], Timestamp(1001)).unwrap()[0],
        Appended::Repeated { seqs: vec![seq(5), seq(6)] }
    );
    assert_eq!(put(&store, [event("conv:a", "7")]), [7]);
}

#[test]
fn what_was_written_but_never_committed_is_gone_as_if_it_had_not_been() {
    let disk = killed();
    let (store, _) = open(&disk, small(), "boot", SECOND);
    store.append(&[batch([event("conv:a", "7"), event("conv:a", "8")])], Timestamp(1000)).unwrap();
    let written = disk.copy();
    let name = last_log(&written);
    let bytes = written.bytes(&name);
    let committed = disk_with_committed_only(&killed());
    for cut in committed..=bytes.len() {
        let disk = written.copy();
        disk.set(&name, bytes[..cut].to_vec());
        let (store, recovery) = open(&disk, small(), "boot", SECOND);
        assert_eq!(recovery.epoch_change, None, "cut at {cut}");
        assert_eq!(recovery.dropped_bytes, (cut - committed) as u64);
        assert_eq!(read_all(&store), [1, 2, 3, 4, 5, 6]);
        assert_eq!(put(&store, [event("conv:a", "7")]), [7]);
        assert_eq!(read_all(&store), [1, 2, 3, 4, 5, 6, 7]);
    }
}

fn disk_with_committed_only(disk: &TestDisk) -> usize {
    disk.bytes(&last_log(disk)).len()
}

#[test]
fn a_cut_below_the_last_commit_starts_a_new_epoch_after_what_is_left() {
    let whole = killed();
    let name = last_log(&whole);
    let bytes = whole.bytes(&name);
    for cut in 0..bytes.len() {
        let disk = whole.copy();
        disk.set(&name, bytes[..cut].to_vec());
        let (store, recovery) = open(&disk, small(), "boot", SECOND);
        assert_eq!(recovery.epoch_change, Some(EpochChange::AcknowledgedLost), "cut at {cut}");
        assert_eq!(store.status().epoch, Epoch::from_bits(SECOND));
        let left = read_all(&store);
        assert!(whole_batches(&left), "cut at {cut}: {left:?}");
        let next = put(&store, [event("conv:b", "new")])[0];
        assert!(next > 6 + 1_000_000);
        // What it recovered to is what it recovers to again.
        let (again, recovery) = open(&disk.copy(), small(), "boot", 0xC);
        assert_eq!(recovery.epoch_change, None);
        assert_eq!(read_all(&again), [left, vec![next]].concat());
    }
}

/// Are these the records of whole batches of [`killed`], from the start?
fn whole_batches(seqs: &[u64]) -> bool {
    [&[][..], &[1, 2], &[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6]].contains(&seqs)
}

#[test]
fn a_flipped_byte_anywhere_is_noticed_and_kept_aside() {
    let whole = killed();
    let name = last_log(&whole);
    let bytes = whole.bytes(&name);
    for at in 0..bytes.len() {
        let disk = whole.copy();
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        disk.set(&name, flipped.clone());
        let (store, recovery) = open(&disk, small(), "boot", SECOND);
        assert_eq!(recovery.epoch_change, Some(EpochChange::AcknowledgedLost), "byte {at}");
        assert!(whole_batches(&read_all(&store)), "byte {at}");
        let [aside] = &recovery.damaged[..] else { panic!("byte {at}: {recovery:?}") };
        assert!(flipped.ends_with(&disk.bytes(aside)), "byte {at}");
        assert!(!disk.bytes(aside).is_empty());
    }
}

#[test]
fn a_flipped_byte_of_the_state_file_loses_nothing() {
    let whole = killed();
    let bytes = whole.bytes("state");
    for at in 0..bytes.len() {
        let disk = whole.copy();
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        disk.set("state", flipped);
        let (store, recovery) = open(&disk, small(), "boot", SECOND);
        assert_eq!(recovery.epoch_change, None, "byte {at}");
        assert_eq!(read_all(&store), [1, 2, 3, 4, 5, 6]);
    }
    let disk = whole.copy();
    disk.delete("state");
    let (store, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!(recovery.epoch_change, Some(EpochChange::StateUnknown));
    assert_eq!(read_all(&store), [1, 2, 3, 4, 5, 6]);
    // With a part of the log gone as well, nobody knows what had been acknowledged: every reader hears of it.
    let disk = whole.copy();
    disk.delete("state");
    let name = last_log(&disk);
    let bytes = disk.bytes(&name);
    disk.set(&name, bytes[..bytes.len() - 1].to_vec());
    let (store, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!(recovery.epoch_change, Some(EpochChange::StateUnknown));
    let mut asked = query(&store, "x", &["conv:b"], 2);
    asked.epoch = Epoch::from_bits(FIRST);
    let page = store.read(&asked).unwrap();
    let first = store.status().head.next().get();
    assert_eq!(seqs(&page), [3, 4]);
    assert_eq!(gaps(&page), ["conv:a", "conv:b"].map(|t| (t.to_string(), 4, first, GapReason::Epoch)));
}

#[test]
fn readers_of_the_old_epoch_go_on_from_what_both_share() {
    let disk = killed();
    let name = last_log(&disk);
    let bytes = disk.bytes(&name);
    disk.set(&name, bytes[..bytes.len() - 1].to_vec());
    let (store, _) = open(&disk, small(), "boot", SECOND);
    let next = put(&store, [event("conv:a", "new")])[0];
    let first = next;
    let mut asked = query(&store, "x", &["conv:b"], 6);
    asked.epoch = Epoch::from_bits(FIRST);
    let page = store.read(&asked).unwrap();
    assert_eq!((page.from, page.upto, seqs(&page)), (seq(4), seq(next), vec![next]));
    let told = ["conv:a", "conv:b"].map(|t| (t.to_string(), 4, first, GapReason::Epoch));
    assert_eq!(gaps(&page), told);
    // Who had not read that far goes on where it was, and hears that acknowledged events are lost behind.
    asked.after = seq(3);
    let page = store.read(&asked).unwrap();
    assert_eq!((page.from, seqs(&page)), (seq(3), vec![4, next]));
    assert_eq!(gaps(&page), told);
    // A page that ends before the loss does not tell of it yet.
    asked.max_records = 1;
    let page = store.read(&asked).unwrap();
    assert_eq!((page.upto, seqs(&page), gaps(&page)), (seq(4), vec![4], vec![]));
    // A reader of the new epoch behind the loss hears nothing.
    let later = store.read(&query(&store, "x", &["conv:b"], next)).unwrap();
    assert_eq!((later.records.len(), later.gaps.len()), (0, 0));
}

/// A log of several segments, closed in order, with the topic of each event.
fn several() -> (TestDisk, Vec<(u64, &'static str)>) {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    put(&store, [grant("x", "conv:a")]);
    let mut events = Vec::new();
    let padding = "p".repeat(600);
    for n in 0..40u64 {
        // `conv:b` has events in some segments only.
        let on = if n % 13 == 5 { "conv:b" } else { "conv:a" };
        events.push((put(&store, [event(on, &padding)])[0], on));
    }
    store.close().unwrap();
    (disk.copy(), events)
}

#[test]
fn a_clean_log_opens_clean_on_any_boot() {
    let (disk, events) = several();
    let (store, recovery) = open(&disk, small(), "another boot", SECOND);
    assert!(recovery.was_clean && recovery.epoch_change.is_none(), "{recovery:?}");
    assert_eq!(read_all(&store).len(), events.len() + 1);
    assert!(disk.names().iter().filter(|name| name.ends_with(".log")).count() > 3);
}

#[test]
fn a_deleted_segment_is_a_gap_of_exactly_the_topics_that_had_events_there() {
    let (whole, events) = several();
    let logs: Vec<String> = whole.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    let (last, sealed) = logs.split_last().unwrap();
    for with_index in [true, false] {
        for name in sealed {
            let disk = whole.copy();
            disk.delete(name);
            if !with_index {
                disk.delete(&name.replace(".log", ".index"));
            }
            let (store, recovery) = open(&disk, small(), "boot", SECOND);
            assert_eq!(recovery.epoch_change, None);
            assert_eq!(recovery.missing_segments.len(), 1, "{name}");
            let page = store.read(&query(&store, "x", &["conv:b", "conv:quiet"], 0)).unwrap();
            tiles(&page, &events);
            assert_eq!(page.upto, store.status().head);
            assert!(page.gaps.iter().all(|gap| gap.reason == GapReason::Storage), "{:?}", page.gaps);
            let lost: Vec<_> = events.iter().filter(|(n, _)| !seqs(&page).contains(n)).collect();
            assert!(!lost.is_empty());
            for on in ["conv:a", "conv:b"] {
                let has_lost = lost.iter().any(|(_, its)| *its == on);
                assert_eq!(page.gaps.iter().any(|gap| gap.topic == topic(on)), has_lost, "{name} {on}");
            }
            // In small steps the same is told.
            let (mut after, mut records, mut told) = (0, 0, 0);
            while after < page.upto.get() {
                let mut asked = query(&store, "x", &["conv:b", "conv:quiet"], after);
                asked.max_records = 3;
                let part = store.read(&asked).unwrap();
                assert!(part.upto.get() > after);
                (records, told) = (records + part.records.len(), told + part.gaps.len());
                after = part.upto.get();
            }
            assert_eq!((records, told >= page.gaps.len()), (page.records.len(), true));
            assert_eq!(put(&store, [event("conv:a", "goes on")]), [events.len() as u64 + 2]);
        }
    }
    let disk = whole.copy();
    disk.delete(last);
    let (store, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!(recovery.epoch_change, Some(EpochChange::AcknowledgedLost), "the end is gone");
    let mut asked = query(&store, "x", &["conv:b"], 0);
    asked.epoch = Epoch::from_bits(FIRST);
    tiles(&store.read(&asked).unwrap(), &events);
}

#[test]
fn where_damage_hides_the_end_of_a_segment_before_a_missing_one_nothing_is_lost_in_silence() {
    let (whole, events) = several();
    let logs: Vec<String> = whole.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    let index_of = |log: &str| log.replace(".log", ".index");
    let bytes = whole.bytes(&logs[1]);
    for has_next_index in [true, false] {
        for at in (0..bytes.len()).step_by(11) {
            let disk = whole.copy();
            disk.delete(&index_of(&logs[1]));
            disk.delete(&logs[2]);
            if !has_next_index {
                disk.delete(&index_of(&logs[2]));
            }
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            disk.set(&logs[1], flipped);
            let (store, recovery) = open(&disk, small(), "boot", SECOND);
            assert_eq!(recovery.epoch_change, None);
            tiles(&store.read(&query(&store, "x", &["conv:b"], 0)).unwrap(), &events);
        }
    }
}

#[test]
fn a_segment_without_a_whole_start_keeps_its_events_though_damage_hides_the_end_of_the_one_before() {
    let (whole, events) = several();
    let logs: Vec<String> = whole.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    let disk = whole.copy();
    for log in &logs[..3] {
        disk.delete(&log.replace(".log", ".index"));
    }
    let flip = |log: &str, at: usize| {
        let mut bytes = disk.bytes(log);
        bytes[at] ^= 0x10;
        disk.set(log, bytes);
    };
    // The last event of the first segment, and the headers of the two behind it.
    flip(&logs[0], disk.bytes(&logs[0]).len() - 1);
    flip(&logs[1], 3);
    flip(&logs[2], 3);
    let (store, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!(recovery.epoch_change, None);
    let page = store.read(&query(&store, "x", &["conv:b"], 0)).unwrap();
    tiles(&page, &events);
    let found = seqs(&page);
    let lost: Vec<u64> = events.iter().map(|(n, _)| *n).filter(|n| !found.contains(n)).collect();
    assert_eq!(lost.len(), 1, "only the event that the flip struck: {lost:?}");
}

#[test]
fn a_log_of_which_only_a_trace_is_left_is_not_taken_for_a_new_one() {
    let (whole, _) = several();
    let traces = |name: &String| name == "state" || name.ends_with("1.index");
    for trace in whole.names().iter().filter(|name| traces(name)) {
        let disk = whole.copy();
        for name in disk.names().iter().filter(|name| *name != trace) {
            disk.delete(name);
        }
        disk.set(trace, vec![0; 100]);
        let (store, recovery) = open(&disk, small(), "boot", SECOND);
        assert_eq!(recovery.epoch_change, Some(EpochChange::AcknowledgedLost), "{trace}");
        // No position is given twice, and who has read hears that all of it may be gone.
        let mut asked = query(&store, "x", &["conv:b"], 30);
        asked.epoch = Epoch::from_bits(FIRST);
        let page = store.read(&asked).unwrap();
        let told = gaps(&page);
        assert!(
            told.iter().any(|(on, after, before, _)| on == "conv:b" && *after < 30 && *before > 1000),
            "{told:?}"
        );
        assert!(put(&store, [event("conv:b", "new")])[0] > 1000);
    }
}

#[test]
fn no_position_is_given_twice_where_a_trace_of_it_is_left() {
    let disk = killed();
    let name = last_log(&disk);
    let bytes = disk.bytes(&name);
    disk.set(&name, bytes[..bytes.len() - 1].to_vec());
    let (store, _) = open(&disk, small(), "boot", SECOND);
    let last = put(&store, (0..20).map(|_| event("conv:b", &"p".repeat(600)))).pop().unwrap();
    put(&store, [event("conv:b", "in the next segment"), event("conv:b", "last")]);
    assert!(last > 1 << 26);
    let whole = disk.copy();
    whole.set("state", vec![0; 100]);
    let logs: Vec<String> = whole.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    for trace in ["frames behind a damaged start", "an index"] {
        let disk = whole.copy();
        for log in &logs {
            let index = log.replace(".log", ".index");
            if trace == "an index" {
                disk.delete(log);
                continue;
            }
            let mut bytes = disk.bytes(log);
            bytes[3] ^= 0x10;
            disk.set(log, bytes);
            if disk.names().contains(&index) {
                disk.delete(&index);
            }
        }
        let (store, recovery) = open(&disk, small(), "boot", 0xC);
        assert_eq!(recovery.epoch_change, Some(EpochChange::AcknowledgedLost), "{trace}");
        assert!(put(&store, [event("conv:b", "new")])[0] > last, "{trace}");
    }
}

#[test]
fn a_segment_that_a_new_epoch_left_behind_is_told_once() {
    let (disk, _) = several();
    let logs: Vec<String> = disk.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    let [.., before, last] = &logs[..] else { panic!("several segments") };
    disk.delete(last);
    let mut bytes = disk.bytes(before);
    bytes[0] ^= 1;
    disk.set(before, bytes);
    let read = |store: &SegmentStore| {
        let mut asked = query(store, "x", &["conv:b"], 1);
        asked.epoch = Epoch::from_bits(FIRST);
        store.read(&asked).unwrap()
    };
    let (store, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!(recovery.epoch_change, Some(EpochChange::AcknowledgedLost));
    let page = read(&store);
    let (again, recovery) = open(&disk.copy(), small(), "boot", 0xC);
    assert_eq!((recovery.epoch_change, &recovery.missing_segments[..]), (None, &[][..]));
    assert_eq!(read(&again), page);
}

#[test]
fn a_segment_that_was_being_started_is_left_behind_also_where_the_recovery_ends_before_it_is_set_aside() {
    let (whole, events) = several();
    let logs: Vec<String> = whole.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    let [.., before, last] = &logs[..] else { panic!("several segments") };
    // Its header is whole, its snapshot was not written any more; and of the one before it an event is destroyed.
    whole.set(last, whole.bytes(last)[..HEADER].to_vec());
    let mut bytes = whole.bytes(before);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    whole.set(before, bytes);
    for step in 0.. {
        let disk = whole.copy();
        disk.die_after(Some(step));
        let is_through = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", SECOND)).is_ok();
        disk.die_after(None);
        let left = disk.copy();
        let (store, _) = open(&left, small(), "boot", 0xC);
        let mut asked = query(&store, "x", &["conv:b"], events.last().unwrap().0);
        asked.epoch = Epoch::from_bits(FIRST);
        let shared = store.read(&asked).unwrap().from;
        let page = store.read(&query(&store, "x", &["conv:b"], 0)).unwrap();
        tiles(&page, &events);
        assert_eq!(seqs(&page).last(), Some(&shared.get()), "step {step}");
        // Nor does it when there are younger segments, and the log is opened once more.
        let written: Vec<u64> =
            (0..20).map(|_| put(&store, [event("conv:a", &"p".repeat(600))])[0]).collect();
        let (again, _) = open(&left.copy(), small(), "boot", 0xD);
        let later = seqs(&again.read(&query(&again, "x", &["conv:b"], 0)).unwrap());
        assert_eq!(later, [seqs(&page), written].concat(), "step {step}");
        if is_through {
            break;
        }
    }
}

/// Bytes of a segment's header.
const HEADER: usize = 9 + 8 + 4 + 5 * 8;

/// Every event of the reader's is in the page or in a gap of its topic.
fn tiles(page: &bowline_proto::Page, events: &[(u64, &str)]) {
    let seqs = seqs(page);
    for &(n, on) in events {
        let is_told =
            page.gaps.iter().any(|gap| gap.topic == topic(on) && gap.after.get() < n && n < gap.before.get());
        assert_ne!(seqs.contains(&n), is_told, "{n} of {on}: {:?}", page.gaps);
    }
}

#[test]
fn a_flipped_byte_in_a_sealed_segment_loses_at_most_what_it_hit() {
    let (whole, events) = several();
    let name = whole.names().into_iter().filter(|name| name.ends_with(".log")).nth(1).unwrap();
    let bytes = whole.bytes(&name);
    for with_index in [true, false] {
        for at in (0..bytes.len()).step_by(7) {
            let disk = whole.copy();
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            disk.set(&name, flipped);
            if !with_index {
                disk.delete(&name.replace(".log", ".index"));
            }
            let (store, recovery) = open(&disk, small(), "boot", SECOND);
            assert_eq!(recovery.epoch_change, None);
            let page = store.read(&query(&store, "x", &["conv:b"], 0)).unwrap();
            tiles(&page, &events);
            if recovery.missing_segments.is_empty() {
                assert!(page.records.len() >= events.len(), "byte {at}: {:?}", page.gaps);
            }
        }
    }
}

#[test]
fn a_destroyed_grant_is_nobodys_lost_event_whatever_is_lost_beside_it() {
    let (whole, events) = several();
    let logs: Vec<String> = whole.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    let flip = |disk: &TestDisk, log: &str, at: usize| {
        let mut bytes = disk.bytes(log);
        bytes[at] ^= 0x10;
        disk.set(log, bytes);
    };
    let first = whole.bytes(&logs[0]);
    let find = |text: &[u8]| first.windows(text.len()).position(|bytes| bytes == text).unwrap();
    let (grant, event) = (find(b"\x06\x00conv:"), find(b"pppp"));
    // With the start of the next segment, nothing tells any more which topics lost something.
    for (in_grant, in_event, has_next_start, gaps) in
        [(true, false, false, 0), (false, true, false, 2), (true, true, true, 1)]
    {
        let disk = whole.copy();
        disk.delete(&logs[0].replace(".log", ".index"));
        if in_grant {
            flip(&disk, &logs[0], grant);
        }
        if in_event {
            flip(&disk, &logs[0], event);
        }
        if !has_next_start {
            flip(&disk, &logs[1], 3);
        }
        let (store, recovery) = open(&disk, small(), "boot", SECOND);
        assert_eq!(recovery.epoch_change, None);
        let page = store.read(&query(&store, "z", &["conv:a", "conv:b"], 0)).unwrap();
        tiles(&page, &events);
        assert_eq!(page.gaps.len(), gaps, "{:?}", page.gaps);
    }
}

#[test]
fn a_file_that_cannot_be_opened_for_want_of_descriptors_is_not_lost() {
    for is_index_there in [true, false] {
        let (disk, events) = several();
        if !is_index_there {
            disk.names().iter().filter(|name| name.ends_with(".index")).for_each(|name| disk.delete(name));
        }
        let (store, _) = open(&disk, small().retain_bytes(Some(9_000)), "boot", SECOND);
        let asked = query(&store, "x", &["conv:b"], 0);
        let head = store.status().head.get();
        disk.starve_of_descriptors(true);
        assert!(store.read(&asked).is_err(), "nothing is said of what was not looked at");
        assert_eq!(store.retain(Timestamp(1000)).unwrap(), seq(1), "what cannot be removed stays");
        // The open segment has its descriptor.
        assert_eq!(put(&store, [event("conv:a", &"p".repeat(5000))]), [head + 1]);
        let refused = store.append(&[batch([event("conv:a", "into the next segment")])], Timestamp(1));
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        disk.starve_of_descriptors(false);
        let page = store.read(&asked).unwrap();
        assert_eq!((page.records.len(), page.gaps.len()), (events.len() + 2, 0));
        assert_eq!(put(&store, [event("conv:a", "into the next segment")]), [head + 2]);
        assert!(store.retain(Timestamp(1000)).unwrap() > seq(1));
    }
}

#[test]
fn what_a_lost_segment_held_for_each_topic_is_told_though_a_grant_in_it_fills_the_page() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    let mut events = vec![(put(&store, [event("conv:b", "1")])[0], "conv:b")];
    put(&store, [grant("x", "conv:a")]);
    put(&store, [grant("x", "conv:z")]);
    for n in 0..20 {
        let on = ["conv:a", "conv:b", "conv:z"][n % 3];
        events.push((put(&store, [event(on, &"p".repeat(600))])[0], on));
    }
    store.close().unwrap();
    let disk = disk.copy();
    let logs: Vec<String> = disk.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    disk.delete(&logs[0]);
    disk.delete(&logs[0].replace(".log", ".index"));
    let mut next = disk.bytes(&logs[1]);
    next[3] ^= 1;
    disk.set(&logs[1], next);
    let (store, _) = open(&disk, small(), "boot", SECOND);
    for max_records in 1..5 {
        let mut whole = bowline_proto::Page::default();
        while whole.upto < store.status().head {
            let mut asked = query(&store, "x", &["conv:b"], whole.upto.get());
            asked.max_records = max_records;
            let page = store.read(&asked).unwrap();
            whole.records.extend(page.records);
            whole.gaps.extend(page.gaps);
            assert!(page.upto > whole.upto, "{max_records} at a time");
            whole.upto = page.upto;
        }
        tiles(&whole, &events);
    }
}

#[test]
fn a_missing_or_damaged_index_is_made_anew() {
    let (whole, events) = several();
    let indexes: Vec<String> = whole.names().into_iter().filter(|name| name.ends_with(".index")).collect();
    assert!(indexes.len() > 2);
    let disk = whole.copy();
    disk.delete(&indexes[0]);
    let mut damaged = disk.bytes(&indexes[1]);
    damaged[20] ^= 1;
    disk.set(&indexes[1], damaged);
    disk.set(&indexes[2], Vec::new());
    let (store, _) = open(&disk, small(), "boot", SECOND);
    let page = store.read(&query(&store, "x", &["conv:b"], 0)).unwrap();
    assert_eq!((page.records.len(), page.gaps.len()), (events.len() + 1, 0));
    for name in &indexes {
        assert_eq!(disk.bytes(name), whole.bytes(name));
    }
}

/// A killed log whose oldest segments retention has removed, the topic of each event, and the oldest position left.
fn removed() -> (TestDisk, Vec<(u64, &'static str)>, u64) {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small().retain_bytes(Some(20_000)), "boot", FIRST);
    let padding = "p".repeat(600);
    let events: Vec<(u64, &str)> = (0..50u64)
        .map(|n| match n {
            0 => "conv:c",
            n if n % 13 == 5 => "conv:b",
            _ => "conv:a",
        })
        .map(|on| (put(&store, [event(on, &padding)])[0], on))
        .collect();
    let oldest = store.retain(Timestamp(1000)).unwrap().get();
    (disk.copy(), events, oldest)
}

/// Whatever is wrong with what tells of removed segments, nothing that is left is missing and every loss is told.
fn tells_what_was_removed(disk: &TestDisk, events: &[(u64, &str)], oldest: u64, at: &str) {
    let (store, recovery) = open(disk, small(), "boot", SECOND);
    assert_eq!(recovery.epoch_change, None, "{at}");
    let page = store.read(&query(&store, "x", &["conv:a", "conv:b", "conv:c"], 0)).unwrap();
    tiles(&page, events);
    let left = events.iter().filter(|&&(n, _)| n >= oldest).count();
    assert_eq!(page.records.len(), left, "{at}: {:?}", page.gaps);
    // Nor does it change what follows on what.
    for on in ["conv:b", "conv:c"] {
        put(&store, [event(on, "new")]);
        let page = store.read(&query(&store, "x", &[on], oldest)).unwrap();
        let Some(Record::Event(new)) = page.records.last() else { panic!("{page:?}") };
        let before = events.iter().rfind(|(_, its)| *its == on).map(|&(n, _)| n);
        assert_eq!(Some(new.prev.get()), before, "{at}");
    }
}

#[test]
fn what_retention_removed_is_told_also_where_what_tells_of_it_is_damaged() {
    let (whole, events, oldest) = removed();
    for name in whole.names().iter().filter(|name| name.ends_with(".removed")) {
        let bytes = whole.bytes(name);
        for at in (0..bytes.len()).step_by(5) {
            let disk = whole.copy();
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            disk.set(name, flipped);
            tells_what_was_removed(&disk, &events, oldest, &format!("{name}, byte {at}"));
        }
        let disk = whole.copy();
        disk.delete(name);
        tells_what_was_removed(&disk, &events, oldest, &format!("{name} is gone"));
    }
}

#[test]
fn the_positions_that_a_new_epoch_skipped_are_no_removed_events() {
    let mut disk = TestDisk::default();
    let padding = "p".repeat(600);
    let mut shared = Vec::new();
    for epoch in [FIRST, SECOND] {
        let (store, _) = open(&disk, small(), "boot", epoch);
        let on = if epoch == FIRST { "conv:a" } else { "conv:b" };
        shared.extend(put(&store, [event(on, &padding.repeat(7))]));
        // The segment after this one loses all that it has and is left out: the next one's number is not the one behind.
        put(&store, [event(on, "lost")]);
        disk = disk.copy();
        let name = last_log(&disk);
        let bytes = disk.bytes(&name);
        disk.set(&name, bytes[..bytes.len() - 50].to_vec());
    }
    let (store, recovery) = open(&disk, small().retain_bytes(Some(22_000)), "boot", 0xC);
    assert_eq!(recovery.epoch_change, Some(EpochChange::AcknowledgedLost));
    let first = store.status().head.next();
    for n in 0..30 {
        put(&store, [event(if n < 15 { "conv:b" } else { "conv:a" }, &padding)]);
    }
    assert!(store.retain(Timestamp(1000)).unwrap() > first);
    for store in [&store, &open(&disk.copy(), small(), "boot", 0xD).0] {
        let mut asked = query(store, "x", &["conv:a"], shared[0]);
        asked.epoch = Epoch::from_bits(FIRST);
        let page = store.read(&asked).unwrap();
        let told = [(shared[0], shared[1]), (shared[1], first.get())];
        assert_eq!(page.records.len(), 15);
        assert_eq!(
            gaps(&page),
            told.map(|(after, before)| ("conv:a".to_string(), after, before, GapReason::Epoch))
        );
    }
}

#[test]
fn an_epoch_that_held_no_event_is_no_loss_between_two_removed_segments() {
    let mut disk = TestDisk::default();
    let padding = "p".repeat(600);
    let config = || small().retain_bytes(Some(22_000));
    let (mut store, _) = open(&disk, config(), "boot", FIRST);
    put(&store, [event("conv:a", &padding.repeat(7))]);
    let mut firsts = Vec::new();
    for epoch in [SECOND, 0xC] {
        put(&store, [event("conv:a", "lost")]);
        disk = disk.copy();
        let name = last_log(&disk);
        let bytes = disk.bytes(&name);
        disk.set(&name, bytes[..bytes.len() - 50].to_vec());
        store = open(&disk, config(), "boot", epoch).0;
        firsts.push(store.status().head.next().get());
    }
    for n in 0..30 {
        put(&store, [event(if n < 15 { "conv:a" } else { "conv:b" }, &padding)]);
    }
    assert!(store.retain(Timestamp(1000)).unwrap().get() > firsts[1]);
    for store in [&store, &open(&disk.copy(), small(), "boot", 0xD).0] {
        let mut asked = query(store, "x", &["conv:b"], 0);
        asked.epoch = Epoch::from_bits(FIRST);
        let page = store.read(&asked).unwrap();
        let told = [(1, firsts[0]), (firsts[0] - 1, firsts[1])];
        assert_eq!(page.records.len(), 15);
        assert_eq!(
            gaps(&page),
            told.map(|(after, before)| ("conv:b".to_string(), after, before, GapReason::Epoch))
        );
    }
}

#[test]
fn a_whole_index_of_another_segment_is_not_believed() {
    let (whole, events, oldest) = removed();
    let is_index = |name: &&String| name.ends_with(".index") || name.ends_with(".removed");
    let names: Vec<String> = whole.names().iter().filter(is_index).cloned().collect();
    assert!(names.iter().filter(|name| name.ends_with(".removed")).count() > 1);
    for name in &names {
        for other in names.iter().filter(|other| *other != name) {
            let disk = whole.copy();
            disk.set(name, whole.bytes(other));
            tells_what_was_removed(&disk, &events, oldest, &format!("{name} says what {other} does"));
        }
    }
}

#[test]
fn a_power_cut_without_fsync_changes_the_epoch_and_keeps_what_is_there() {
    let config = || small().durability(Durability::Os);
    let disk = TestDisk::default();
    let (store, _) = open(&disk, config(), "boot", FIRST);
    for n in 0..4 {
        put(&store, [event("conv:b", &n.to_string())]);
    }
    let (killed, recovery) = open(&disk.copy(), config(), "boot", SECOND);
    assert_eq!((recovery.epoch_change, read_all(&killed)), (None, vec![1, 2, 3, 4]));
    for kept in 0..5 {
        let (cut, recovery) = open(&disk.after_power_cut(kept), config(), "next boot", SECOND);
        assert_eq!(recovery.epoch_change, Some(EpochChange::PowerCut), "{kept}");
        assert_eq!(read_all(&cut), (1..=kept.min(4) as u64).collect::<Vec<_>>());
        let mut asked = query(&cut, "x", &["conv:b"], 4);
        asked.epoch = Epoch::from_bits(FIRST);
        // Also where everything that this reader knows is left, something behind it may have been acknowledged.
        for after in [1, 4] {
            asked.after = seq(after);
            let page = cut.read(&asked).unwrap();
            let left = kept.min(4) as u64;
            assert_eq!(page.from.get(), after.min(left));
            assert_eq!(seqs(&page), (after + 1..=left).collect::<Vec<_>>());
            let first = cut.status().head.next().get();
            assert_eq!(
                gaps(&page),
                [("conv:b".to_string(), left, first, GapReason::Epoch)],
                "{kept} {after}"
            );
        }
    }
    store.close().unwrap();
    let (_, recovery) = open(&disk.after_power_cut(0), config(), "next boot", SECOND);
    assert_eq!(recovery.epoch_change, None, "it had been closed in order");
}

#[test]
fn wherever_the_process_or_the_power_ends_acknowledged_records_stay() {
    let whole = TestDisk::default();
    work(&whole, Durability::Fsync);
    let steps = whole.changes();
    assert!(steps > 100);
    for step in 0..steps {
        let disk = TestDisk::default();
        disk.die_after(Some(step));
        let said = work(&disk, Durability::Fsync);
        disk.die_after(None);
        keeps(&disk.copy(), "boot", &said, &format!("step {step}, killed"));
        for kept in 0..4 {
            for names in Names::EACH {
                let left = disk.after_power_cut_with(kept, names);
                keeps(&left, "next boot", &said, &format!("step {step}, power cut, {kept} kept, {names:?}"));
            }
        }
    }
}

#[test]
fn a_recovery_that_is_itself_interrupted_comes_to_the_same_conclusion() {
    let whole = killed();
    // The kernel has written the last commit's mark back before the power goes.
    whole.set("state", whole.bytes("state"));
    let name = last_log(&whole);
    let bytes = whole.bytes(&name);
    for cut in [0, 30, bytes.len() - 200, bytes.len() - 1] {
        let mut flipped = bytes.clone();
        flipped[cut] ^= 1;
        for left in [bytes[..cut].to_vec(), flipped] {
            for step in 0.. {
                let disk = whole.copy();
                disk.set(&name, left.clone());
                disk.die_after(Some(step));
                let opened = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", SECOND));
                let is_through = opened.is_ok();
                drop(opened);
                disk.die_after(None);
                let ends = (0..3).map(|kept| ("next boot", disk.after_power_cut(kept)));
                for (boot, left) in ends.chain([("boot", disk.copy())]) {
                    let (store, _) = open(&left, small(), boot, 0xC);
                    let epoch = store.status().epoch;
                    assert!(epoch != Epoch::from_bits(FIRST), "cut {cut}, step {step}, {boot}");
                    assert!(store.status().head > seq(1_000_000));
                    assert!(whole_batches(&read_all(&store)));
                    let mut asked = query(&store, "x", &["conv:b"], 6);
                    asked.epoch = Epoch::from_bits(FIRST);
                    assert!(!store.read(&asked).unwrap().gaps.is_empty());
                }
                if is_through {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_log_without_its_state_loses_nothing_when_its_recovery_is_interrupted() {
    let whole = TestDisk::default();
    let (store, _) = open(&whole, small(), "boot", FIRST);
    // One commit, which nothing behind it proves.
    put(&store, [event("conv:b", "1"), event("conv:b", "2")]);
    let whole = whole.copy();
    whole.delete("state");
    for step in 0.. {
        let disk = whole.copy();
        disk.die_after(Some(step));
        let is_through = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", SECOND)).is_ok();
        disk.die_after(None);
        for (boot, left) in [("boot", disk.copy()), ("next boot", disk.after_power_cut(1))] {
            let (store, recovery) = open(&left, small(), boot, 0xC);
            assert_eq!(read_all(&store), [1, 2], "step {step}, {boot}: {recovery:?}");
            assert_ne!(store.status().epoch, Epoch::from_bits(FIRST), "step {step}, {boot}");
            assert!(store.status().head > seq(1_000_000), "step {step}, {boot}");
        }
        if is_through {
            break;
        }
    }
}

#[test]
fn a_log_that_was_being_made_when_the_process_died_is_made_again() {
    for step in 0.. {
        let disk = TestDisk::default();
        disk.die_after(Some(step));
        let is_through = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", FIRST)).is_ok();
        disk.die_after(None);
        for (boot, left) in [("boot", disk.copy()), ("next boot", disk.after_power_cut(1))] {
            let (store, recovery) = open(&left, small(), boot, SECOND);
            assert_eq!(recovery.epoch_change, None, "step {step}, {boot}");
            assert_eq!(put(&store, [event("conv:b", "first")]), [1]);
        }
        if is_through {
            break;
        }
    }
}

#[test]
fn what_follows_damage_proves_that_it_had_been_acknowledged() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    let before = disk.bytes(&last_log(&disk)).len();
    for n in 0..3 {
        put(&store, [event("conv:b", &n.to_string())]);
    }
    // After a power cut `state` says nothing of these commits: it was never synced since.
    let left = disk.after_power_cut(0);
    let name = last_log(&left);
    let whole = left.bytes(&name);
    let size = (whole.len() - before) / 3;
    for (group, expected) in
        [(0, Some(EpochChange::AcknowledgedLost)), (1, Some(EpochChange::AcknowledgedLost)), (2, None)]
    {
        let mut bytes = whole.clone();
        bytes[before + group * size + size / 2] ^= 1;
        left.set(&name, bytes);
        let (store, recovery) = open(&left.copy(), small(), "next boot", SECOND);
        assert_eq!(recovery.epoch_change, expected, "group {group}");
        assert_eq!(read_all(&store).len(), group);
    }
}

#[test]
fn what_one_process_left_to_the_system_the_next_one_syncs() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small().durability(Durability::Os), "boot", FIRST);
    put(&store, [event("conv:b", "1")]);
    let disk = disk.copy();
    drop(open(&disk, small().durability(Durability::Fsync), "boot", SECOND));
    let (store, recovery) = open(&disk.after_power_cut(0), small(), "next boot", SECOND);
    assert_eq!((recovery.epoch_change, read_all(&store)), (None, vec![1]));
}

#[test]
fn keys_outlive_segments_and_processes() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small().retain_bytes(Some(1)), "boot", FIRST);
    let first = keyed([event("conv:b", "1")], "k", 1);
    store.append(std::slice::from_ref(&first), Timestamp(1000)).unwrap();
    store.commit().unwrap();
    for _ in 0..20 {
        put(&store, [event("conv:b", &"p".repeat(900))]);
    }
    assert!(store.retain(Timestamp(1000)).unwrap() > seq(1), "the event itself is gone");
    let (again, _) = open(&disk.copy(), small(), "boot", SECOND);
    for store in [&store, &again] {
        let outcome = store.append(std::slice::from_ref(&first), Timestamp(1001)).unwrap();
        assert_eq!(outcome, [Appended::Repeated { seqs: vec![seq(1)] }]);
    }
}

#[test]
fn a_full_disk_undoes_the_append_and_reading_and_later_appends_go_on() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    put(&store, [event("conv:b", "1")]);
    for room in [0, 1, 10, 100, 300] {
        disk.set_room(Some(room));
        let big = "p".repeat(400);
        let refused =
            store.append(&[keyed([event("conv:b", &big), grant("x", "conv:a")], "k", 1)], Timestamp(1));
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        assert!(store.commit().unwrap().is_empty());
        assert_eq!(read_all(&store).len() as u64, store.status().head.get());
        disk.set_room(None);
        let next = store.status().head.get() + 1;
        assert_eq!(put(&store, [event("conv:b", "2")]), [next]);
    }
    let (again, recovery) = open(&disk.copy(), small(), "boot", SECOND);
    assert_eq!((recovery.epoch_change, recovery.dropped_bytes), (None, 0));
    assert_eq!(read_all(&again), [1, 2, 3, 4, 5, 6]);
    assert!(again.grants(&account("x")).0.is_empty());
}

#[test]
fn what_a_full_disk_had_undone_is_synced_where_no_commit_does_it() {
    for (durability, syncs) in [(Durability::Fsync, 0), (Durability::Os, 1)] {
        let disk = TestDisk::default();
        let (store, _) = open(&disk, small().durability(durability), "boot", FIRST);
        put(&store, [event("conv:b", "1")]);
        let before = disk.syncs();
        // The first of the two is written whole: it must not come back in the place of what is acknowledged there.
        disk.set_room(Some(300));
        let two = [batch([event("conv:b", "2")]), batch([event("conv:b", &"p".repeat(400))])];
        assert!(matches!(store.append(&two, Timestamp(1)), Err(StoreError::Full)));
        assert_eq!(disk.syncs() - before, syncs, "{durability:?}");
        disk.set_room(None);
        assert_eq!(put(&store, [event("conv:b", "other")]), [2]);
        disk.set_room(Some(300));
        disk.fail_syncs(1);
        let refused = store.append(&two, Timestamp(1));
        let is_failed = matches!(refused, Err(StoreError::Failed(_)));
        assert_eq!(is_failed, durability == Durability::Os, "{durability:?}: {refused:?}");
    }
}

#[test]
fn a_full_disk_while_a_segment_is_started_is_only_full() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    put(&store, [event("conv:b", &"p".repeat(5000))]);
    disk.set_room(Some(20));
    let refused = store.append(&[batch([event("conv:b", "2")])], Timestamp(1));
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    disk.set_room(None);
    assert_eq!(put(&store, [event("conv:b", "2")]), [2]);
    assert_eq!(read_all(&store), [1, 2]);
}

#[test]
fn after_a_failed_fsync_nothing_is_appended_until_the_log_is_reopened() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    put(&store, [event("conv:b", "1")]);
    store.append(&[batch([event("conv:b", "2")])], Timestamp(1)).unwrap();
    disk.fail_syncs(1);
    assert!(matches!(store.commit(), Err(StoreError::Failed(_))));
    assert!(matches!(store.commit(), Err(StoreError::Failed(_))), "never retried");
    assert!(store.append(&[batch([event("conv:b", "3")])], Timestamp(1)).is_err());
    assert_eq!(read_all(&store), [1]);
    let locked = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", SECOND));
    assert!(matches!(locked, Err(StoreError::Locked { .. })), "{locked:?}");
    store.close().unwrap();
    let (again, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!(recovery.epoch_change, None);
    assert_eq!(read_all(&again), [1], "what was never acknowledged is not shown: it is not on the device");
    assert_eq!(put(&again, [event("conv:b", "other")]), [2]);
    let (cut, _) = open(&disk.after_power_cut(0), small(), "next boot", SECOND);
    assert_eq!(read_all(&cut), [1, 2]);
}

#[test]
fn closing_lets_go_of_the_lock_also_when_the_last_commit_fails() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", FIRST);
    put(&store, [event("conv:b", "1")]);
    store.append(&[batch([event("conv:b", "2")])], Timestamp(1)).unwrap();
    disk.fail_syncs(1);
    assert!(matches!(store.close(), Err(StoreError::Failed(_))), "who closes is told");
    let (again, recovery) = open(&disk, small(), "boot", SECOND);
    assert_eq!((recovery.epoch_change, read_all(&again)), (None, vec![1]));
}

#[test]
fn a_full_disk_while_damage_is_set_aside_is_only_full() {
    let whole = killed();
    let name = last_log(&whole);
    let mut bytes = whole.bytes(&name);
    let third = bytes.len() - 200;
    bytes[third] ^= 0x10;
    whole.set(&name, bytes);
    let mut refused = 0;
    for room in 0.. {
        let disk = whole.copy();
        disk.set_room(Some(room));
        let opened = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", SECOND));
        let is_open = match opened {
            Ok(_) => true,
            Err(StoreError::Full) => false,
            Err(error) => panic!("room for {room} bytes: {error}"),
        };
        refused += usize::from(!is_open && disk.names().len() > whole.names().len());
        disk.set_room(None);
        let (store, _) = open(&disk.copy(), small(), "boot", 0xC);
        assert_ne!(store.status().epoch, Epoch::from_bits(FIRST), "room for {room} bytes");
        let mut asked = query(&store, "x", &["conv:b"], 6);
        asked.epoch = Epoch::from_bits(FIRST);
        assert_eq!(gaps(&store.read(&asked).unwrap()).len(), 2, "room for {room} bytes");
        if is_open {
            break;
        }
    }
    assert!(refused > 10, "some openings had begun to set aside: {refused}");
}

#[test]
fn a_change_of_the_log_is_told_beside_what_retention_removed_behind_it() {
    let disk = killed();
    let name = last_log(&disk);
    let bytes = disk.bytes(&name);
    disk.set(&name, bytes[..bytes.len() - 1].to_vec());
    let (store, _) = open(&disk, small().retain_bytes(Some(9_000)), "boot", SECOND);
    let first = store.status().head.next().get();
    for _ in 0..20 {
        put(&store, [event("conv:b", &"p".repeat(700))]);
    }
    let oldest = store.retain(Timestamp(1000)).unwrap().get();
    assert!(oldest > first);
    let mut asked = query(&store, "nobody", &["conv:b"], 4);
    asked.epoch = Epoch::from_bits(FIRST);
    let told = [(4, first, GapReason::Epoch), (first - 1, oldest, GapReason::Retention)];
    let told = told.map(|(after, before, reason)| ("conv:b".to_string(), after, before, reason));
    assert_eq!(gaps(&store.read(&asked).unwrap()), told);
}

#[test]
fn the_second_process_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let disk = || Arc::new(bowline_log::RealDisk::open(dir.path()).unwrap());
    let (first, _) = SegmentStore::open(disk(), SegmentConfig::default(), opening("boot", FIRST)).unwrap();
    let second = SegmentStore::open(disk(), SegmentConfig::default(), opening("boot", SECOND));
    let Err(StoreError::Locked { path }) = second else { panic!("{second:?}") };
    assert!(path.ends_with("lock"));
    drop(first);
    SegmentStore::open(disk(), SegmentConfig::default(), opening("boot", SECOND)).unwrap();
}

#[test]
fn a_file_whose_name_only_looks_like_a_segments_is_left_alone() {
    for name in ["segment-7.log", "segment-+000000007.log", "segment-18446744073709551615.log"] {
        let disk = killed();
        disk.set(name, vec![7; 100]);
        let (store, recovery) = open(&disk, small(), "boot", SECOND);
        assert_eq!((recovery.epoch_change, read_all(&store)), (None, vec![1, 2, 3, 4, 5, 6]), "{name}");
        put(&store, [event("conv:b", &"p".repeat(5000))]);
        put(&store, [event("conv:b", "in the next segment")]);
        assert_eq!(disk.bytes(name), [7; 100]);
    }
}

#[test]
fn a_log_of_a_later_version_is_left_alone() {
    let disk = killed();
    let name = last_log(&disk);
    let mut bytes = disk.bytes(&name);
    // Magic at 9, version at 17; the checksum is made good again.
    bytes[17] = 9;
    let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..4]);
    crc.update(&bytes[8..8 + length]);
    bytes[4..8].copy_from_slice(&crc.finalize().to_le_bytes());
    disk.set(&name, bytes.clone());
    let opened = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", SECOND));
    assert!(matches!(opened, Err(StoreError::Foreign { .. })), "{opened:?}");
    assert_eq!(disk.bytes(&name), bytes);
}
