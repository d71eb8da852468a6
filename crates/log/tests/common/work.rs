//! A process that does everything that a log's process does, until it dies; and what must be left of its log.

use std::sync::Arc;

use bowline_log::{Durability, LogStore, SegmentConfig, SegmentStore, StoreError};
use bowline_proto::{Epoch, GapReason, Timestamp};

use super::disk::TestDisk;
use super::{account, batch, event, grant, open, opening, places, put, query, seqs, small};

pub(crate) const FIRST: u64 = 0xA;
pub(crate) const SECOND: u64 = 0xB;

/// What a process had said before it ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Every place that it acknowledged: events at odd ones, grants at even ones.
    pub(crate) acknowledged: Vec<u64>,
    /// The log's epoch, once it was open.
    pub(crate) epoch: Option<Epoch>,
}

/// Several segments, of which some are removed.
pub(crate) fn config() -> SegmentConfig {
    small().retain_bytes(Some(20_000))
}

/// One run of a process: appends, commits, rolls, removes, until something fails or it is through. What a full device
/// refuses is left out.
pub(crate) fn work(disk: &TestDisk, durability: Durability) -> Said {
    let mut said = Said::default();
    let opened =
        SegmentStore::open(Arc::new(disk.clone()), config().durability(durability), opening("boot", FIRST));
    let Ok((store, _)) = opened else { return said };
    said.epoch = Some(store.status().epoch);
    let padding = "p".repeat(700);
    for n in 0..30u64 {
        let batches = [batch([event("conv:b", &padding), grant("x", &format!("conv:{n}"))])];
        let outcomes = match store.append(&batches, Timestamp(1000 + n)) {
            Ok(outcomes) => outcomes,
            Err(StoreError::Full) => continue,
            Err(_) => break,
        };
        if store.commit().is_err() {
            break;
        }
        said.acknowledged.extend(outcomes.iter().flat_map(places));
        if n % 8 == 7 && store.retain(Timestamp(1000 + n)).is_err() {
            break;
        }
    }
    said
}

/// Opens what is left: the epoch goes on, everything acknowledged is there or was removed by retention and is told so,
/// and appending goes on behind it: what the new process acknowledged is said too. `at` names the case.
pub(crate) fn keeps(left: &TestDisk, boot: &str, said: &Said, at: &str) -> Said {
    let (store, recovery) = open(left, config(), boot, SECOND);
    assert_eq!(recovery.epoch_change, None, "{at}: {recovery:?}");
    assert_eq!(recovery.missing_segments, [0; 0], "{at}");
    if let Some(epoch) = said.epoch {
        assert_eq!(store.status().epoch, epoch, "{at}");
    }
    let last = said.acknowledged.last().copied().unwrap_or(0);
    assert!(store.status().head.get() >= last, "{at}");
    let page = store.read(&query(&store, "x", &["conv:b"], 0)).unwrap();
    let seqs = seqs(&page);
    for n in said.acknowledged.iter().copied().filter(|&n| n >= store.status().oldest.get()) {
        assert!(seqs.contains(&n), "{at}: {n} is lost");
    }
    assert!(page.gaps.iter().all(|gap| gap.reason == GapReason::Retention), "{at}: {:?}", page.gaps);
    let removed: Vec<u64> = (1..store.status().oldest.get()).filter(|n| n % 2 == 1).collect();
    for n in removed {
        let is_told = page.gaps.iter().any(|gap| gap.after.get() < n && n < gap.before.get());
        assert!(is_told, "{at}: {n} was removed: {:?}", page.gaps);
    }
    let (topics, _) = store.grants(&account("x"));
    assert!(topics.len() as u64 >= last / 2, "{at}");
    let next = store.status().head.get() + 1;
    assert_eq!(put(&store, [event("conv:b", "goes on")]), [next], "{at}");
    let mut said = said.clone();
    said.acknowledged.push(next);
    said.epoch = Some(store.status().epoch);
    said
}
