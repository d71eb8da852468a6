//! Two mishaps in a row: what a first one left to the system's memory must not be lost with the second.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use bowline_log::{Durability, LogStore, SegmentStore, StoreError};
use bowline_proto::Timestamp;
use common::disk::{Names, TestDisk};
use common::opening;
use common::work::{SECOND, Said, config, keeps, work};

const STRIDE: usize = 5;

/// A power cut after this process, whatever of what was not synced it leaves.
fn survives_power_cuts(disk: &TestDisk, said: &Said, at: &str) {
    for kept in 0..3 {
        for names in Names::EACH {
            let left = disk.after_power_cut_with(kept, names);
            keeps(&left, "next boot", said, &format!("{at}, then a power cut, {kept} kept, {names:?}"));
        }
    }
}

#[test]
fn what_a_killed_process_left_unsynced_is_not_lost_with_the_power_after_the_next_one_opened() {
    let whole = TestDisk::default();
    work(&whole, Durability::Fsync);
    for step in 0..whole.changes() {
        let disk = TestDisk::default();
        disk.die_after(Some(step));
        let said = work(&disk, Durability::Fsync);
        let disk = disk.copy();
        let at = format!("killed in step {step}");
        let said = keeps(&disk, "boot", &said, &at);
        survives_power_cuts(&disk, &said, &at);
    }
}

#[test]
fn an_opening_that_ends_anywhere_leaves_what_the_killed_process_before_it_had_acknowledged() {
    let whole = TestDisk::default();
    work(&whole, Durability::Fsync);
    // Every step of the first process at which files differ in kind comes within a few of its appends.
    for step in (0..whole.changes()).step_by(STRIDE) {
        let disk = TestDisk::default();
        disk.die_after(Some(step));
        let said = work(&disk, Durability::Fsync);
        disk.die_after(None);
        let ends = [("boot", disk.copy()), ("next boot", disk.after_power_cut(1))];
        for (boot, left) in ends {
            for second in 0.. {
                let disk = left.copy();
                disk.die_after(Some(second));
                let opened = SegmentStore::open(Arc::new(disk.clone()), config(), opening(boot, SECOND));
                let is_through = opened.is_ok();
                drop(opened);
                disk.die_after(None);
                let at = format!("killed in step {step}, {boot}, the opening in {second}");
                for names in Names::EACH {
                    keeps(
                        &disk.after_power_cut_with(0, names),
                        "third boot",
                        &said,
                        &format!("{at}, {names:?}"),
                    );
                }
                keeps(&disk.copy(), boot, &said, &at);
                if is_through {
                    break;
                }
            }
        }
    }
}

#[test]
fn what_a_failed_sync_left_unwritten_is_not_lost_with_the_power_after_the_log_was_reopened() {
    let whole = TestDisk::default();
    work(&whole, Durability::Fsync);
    for sync in 0..whole.syncs() {
        for times in [1, 2, 3] {
            let disk = TestDisk::default();
            disk.fail_syncs_after(sync, times);
            let said = work(&disk, Durability::Fsync);
            let at = format!("sync {sync} failed, and {} more", times - 1);
            let opened = || SegmentStore::open(Arc::new(disk.clone()), config(), opening("boot", SECOND));
            // Whoever is told that it does not open tries again.
            let store = (0..times).find_map(|_| opened().ok()).unwrap_or_else(|| opened().unwrap());
            drop(store);
            let said = keeps(&disk, "boot", &said, &at);
            survives_power_cuts(&disk, &said, &at);
        }
    }
}

#[test]
fn what_a_removal_on_a_full_device_was_about_to_say_is_not_lost_with_its_process() {
    for step in 0.. {
        let disk = TestDisk::default();
        let said = work(&disk, Durability::Fsync);
        let disk = disk.copy();
        let (store, _) = SegmentStore::open(
            Arc::new(disk.clone()),
            config().retain_bytes(Some(1)),
            opening("boot", SECOND),
        )
        .unwrap();
        disk.set_room(Some(0));
        disk.die_after(Some(step));
        let is_through = store.retain(Timestamp(2000)).is_ok();
        disk.die_after(None);
        let at = format!("died in step {step} of a removal without room");
        survives_power_cuts(&disk, &said, &at);
        let disk = disk.copy();
        let said = keeps(&disk, "boot", &said, &at);
        survives_power_cuts(&disk, &said, &at);
        if is_through {
            break;
        }
    }
}

#[test]
fn a_device_that_fills_up_anywhere_loses_nothing_of_what_was_acknowledged() {
    let whole = TestDisk::default();
    work(&whole, Durability::Fsync);
    let bytes: usize = whole.names().iter().map(|name| whole.bytes(name).len()).sum();
    for room in (0..bytes + 20_000).step_by(691) {
        let disk = TestDisk::default();
        disk.set_room(Some(room));
        let said = work(&disk, Durability::Fsync);
        let at = format!("room for {room} bytes");
        let disk = disk.copy();
        survives_power_cuts(&disk, &said, &at);
        // The next process finds as little room, or none.
        for room in [0, 40, 400, 4000] {
            let disk = disk.copy();
            disk.set_room(Some(room));
            match SegmentStore::open(Arc::new(disk.clone()), config(), opening("boot", SECOND)) {
                Ok(_) | Err(StoreError::Full) => {}
                Err(error) => panic!("{at}, then {room}: {error}"),
            }
            survives_power_cuts(&disk, &said, &at);
            disk.set_room(None);
            let said = keeps(&disk, "boot", &said, &at);
            survives_power_cuts(&disk, &said, &at);
        }
    }
}
