//! What of a removed segment stays known: its events count as lost, for those who had a right to them.

use crate::disk::{Disk, Open, full_or_failed, unusable};
use crate::grants::Grants;
use crate::index::{Hole, Index};
use crate::names;
use crate::sealed;
use crate::segment::Snapshot;
use crate::store::StoreError;
use crate::topics::Topics;

/// A removal by retention that was interrupted between its steps is finished.
pub(crate) fn finish_removals(
    disk: &dyn Disk,
    names: &[String],
    logs: &mut Vec<u64>,
    removed: &[u64],
    oldest_number: u64,
) -> Result<(), StoreError> {
    let is_gone = |number: u64| number < oldest_number;
    for &number in logs.iter().filter(|&&number| is_gone(number)) {
        disk.remove(&names::log(number)).map_err(StoreError::Failed)?;
    }
    logs.retain(|&number| !is_gone(number));
    for number in names::numbers(names, "index").into_iter().filter(|&number| is_gone(number)) {
        // Only space: an index file that stays is never read.
        let _ = (!removed.contains(&number)).then(|| disk.remove(&names::index(number)));
    }
    Ok(())
}

/// What retention removed since the snapshot was written. It is all that will be known of those segments, so it is made
/// durable first: a process may have died before it was, and after a failed fsync the system takes for clean what it
/// has not written.
pub(crate) fn take_up_removed(
    disk: &dyn Disk,
    snapshot: &mut Snapshot,
    removed: &[u64],
) -> Result<(), StoreError> {
    let mut has_any = false;
    for &number in removed {
        if number < snapshot.oldest_number {
            continue;
        }
        let name = names::removed(number);
        let bytes = sealed::read_if_there(disk, &name).map_err(|error| unusable(disk, &name, error))?;
        let bytes = bytes.unwrap_or_default();
        let Some(index) = Index::from_bytes(&bytes, number) else { continue };
        let file = disk.open(&name, Open::Existing).map_err(|error| unusable(disk, &name, error))?;
        file.write_at(&bytes, 0).and_then(|()| file.sync_data()).map_err(full_or_failed)?;
        has_any = true;
        let last = snapshot.epochs.given_before(index.base());
        if number > snapshot.oldest_number && snapshot.oldest <= last {
            // What would say what the segments before it held is damaged.
            let hole = Hole { first: snapshot.oldest, last, topics: None };
            forget(&Index::lost(snapshot.oldest_number, hole), &mut snapshot.topics, &mut snapshot.grants);
        }
        forget(&index, &mut snapshot.topics, &mut snapshot.grants);
        snapshot.oldest = snapshot.oldest.max(index.last().next());
        snapshot.oldest_number = number + 1;
    }
    if has_any { disk.sync_dir().map_err(StoreError::Failed) } else { Ok(()) }
}

/// The events of `index` are gone for good.
pub(crate) fn forget(index: &Index, topics: &mut Topics, grants: &mut Grants) {
    for (topic, last) in index.heads() {
        topics.removed(topic, last);
    }
    for hole in &index.holes {
        match &hole.topics {
            Some(lost) => lost.iter().for_each(|(topic, &last)| topics.removed(topic, last)),
            None => topics.any_removed(hole.last),
        }
    }
    grants.removed(index.last().next(), |topic, after, before| index.last_within(topic, after, before));
}
