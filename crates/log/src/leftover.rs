//! What becomes of bytes behind the last whole batch: proof of a loss, damage kept aside, or nothing anybody knew of.

use std::io;

use bowline_proto::Seq;

use crate::disk::{Disk, Open, unusable};
use crate::found::Recovery;
use crate::index::Index;
use crate::names;
use crate::replayed::Replayed;
use crate::sealed;
use crate::segment::{self, Header, Start};
use crate::store::StoreError;

/// The greatest position that something behind the last whole batch proves to have been committed.
pub(crate) fn evidence(disk: &dyn Disk, base: &Replayed, unreadable: &[u64]) -> Result<Seq, StoreError> {
    let mut proved = committed_in(&base.bytes[base.end..]).unwrap_or(Seq::ZERO);
    for &number in unreadable {
        let bytes = bytes_of(disk, &names::log(number))?;
        // A segment's start is durable before its first batch: where a batch has lost it, something durable is lost.
        proved = proved.max(committed_in(&bytes).map_or(Seq::ZERO, Seq::next));
    }
    Ok(proved)
}

/// The greatest position that anything names which is left of a log without one readable segment.
pub(crate) fn named_by_traces(
    disk: &dyn Disk,
    names: &[String],
    unreadable: &[u64],
) -> Result<Seq, StoreError> {
    let mut named = Seq::ZERO;
    for &number in unreadable {
        let bytes = bytes_of(disk, &names::log(number))?;
        if let Start::Ours(header) = Header::parse(&bytes) {
            named = named.max(header.previous);
        }
        let records =
            (0..bytes.len()).filter_map(|at| segment::read_record(&bytes, at)).map(|record| record.seq);
        named = named.max(records.max().unwrap_or_default()).max(committed_in(&bytes).unwrap_or_default());
    }
    for (ending, name_of) in [("index", names::index as fn(u64) -> String), ("removed", names::removed)] {
        for number in names::numbers(names, ending) {
            let index = Index::from_bytes(&bytes_of(disk, &name_of(number))?, number);
            named = named.max(index.map_or(Seq::ZERO, |index| index.last()));
        }
    }
    Ok(named)
}

fn bytes_of(disk: &dyn Disk, name: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = sealed::read_if_there(disk, name).map_err(|error| unusable(disk, name, error))?;
    Ok(bytes.unwrap_or_default())
}

fn committed_in(bytes: &[u8]) -> Option<Seq> {
    (0..bytes.len()).filter_map(|at| segment::read_batch_head(bytes, at)).map(|head| head.committed).max()
}

/// Cuts off what was never acknowledged: the newest segment behind its last whole batch, and starts of segments.
pub(crate) fn drop_unacknowledged(
    disk: &dyn Disk,
    recovery: &mut Recovery,
    base: &Replayed,
    unreadable: &[u64],
) -> Result<(), StoreError> {
    for &number in unreadable {
        recovery.dropped_bytes += size_of_file(disk, &names::log(number));
        disk.remove(&names::log(number)).map_err(StoreError::Failed)?;
    }
    if base.bytes.len() > base.end {
        recovery.dropped_bytes += (base.bytes.len() - base.end) as u64;
        base.file.truncate(base.end as u64).map_err(StoreError::Failed)?;
    }
    Ok(())
}

/// Damaged bytes that may have been acknowledged. They are moved aside only once the new epoch is durable, so that a
/// crash in between finds them again and comes to the same conclusion.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// The newest segment's bytes behind its last whole batch, and where they start.
    pub(crate) tail: Option<(u64, u64, Vec<u8>)>,
    /// Segments without a whole start.
    pub(crate) unreadable: Vec<u64>,
}

impl Aside {
    pub(crate) fn set(self, disk: &dyn Disk, recovery: &mut Recovery) -> io::Result<()> {
        for number in self.unreadable {
            let name = names::damaged(number, 0);
            disk.rename(&names::log(number), &name)?;
            recovery.damaged.push(name);
        }
        if let Some((number, offset, bytes)) = self.tail {
            let name = names::damaged(number, offset);
            let file = disk.open(&name, Open::Fresh)?;
            file.write_at(&bytes, 0)?;
            file.sync_data()?;
            disk.sync_dir()?;
            recovery.damaged.push(name);
            let log = disk.open(&names::log(number), Open::Existing)?;
            log.truncate(offset)?;
            log.sync_data()?;
        }
        disk.sync_dir()
    }
}

fn size_of_file(disk: &dyn Disk, name: &str) -> u64 {
    disk.open(name, Open::Existing).and_then(|file| file.size()).unwrap_or(0)
}
