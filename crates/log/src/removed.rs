//! What of a removed segment stays known: its events count as lost, for those who had a right to them.

use crate::disk::Disk;
use crate::grants::Grants;
use crate::index::Index;
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

/// What retention removed since the snapshot was written.
pub(crate) fn take_up_removed(disk: &dyn Disk, snapshot: &mut Snapshot, removed: &[u64]) {
    for &number in removed {
        if number < snapshot.oldest_number {
            continue;
        }
        let bytes = sealed::read_all(disk, &names::removed(number));
        let Some(index) = bytes.ok().and_then(|bytes| Index::from_bytes(&bytes)) else { continue };
        forget(&index, &mut snapshot.topics, &mut snapshot.grants);
        snapshot.oldest = snapshot.oldest.max(index.last().next());
        snapshot.oldest_number = number + 1;
    }
}

/// The events of `index` are gone for good.
pub(crate) fn forget(index: &Index, topics: &mut Topics, grants: &mut Grants) {
    for (topic, last) in index.heads() {
        topics.removed(topic, last);
    }
    for hole in &index.holes {
        match &hole.topics {
            Some(lost) => lost.iter().for_each(|(topic, &last)| topics.removed(topic, last)),
            None => {
                let all: Vec<_> = topics.iter().map(|(topic, _)| topic.clone()).collect();
                all.iter().for_each(|topic| topics.removed(topic, hole.last));
            }
        }
    }
    grants.removed(index.last().next(), |topic, after, before| index.last_within(topic, after, before));
}
