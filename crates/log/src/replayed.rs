//! How the newest segment is read: its start, then batch by batch up to the first that is not whole.

use std::sync::Arc;

use bowline_proto::{Record, Seq, Timestamp, Topic};

use crate::config::SegmentConfig;
use crate::disk::{Disk, DiskFile, Open, unusable};
use crate::grants::Grants;
use crate::index::Index;
use crate::names;
use crate::sealed;
use crate::segment::{self, Header, Snapshot, Start, What};
use crate::store::StoreError;
use crate::topics::Topics;

/// The newest segment with a whole start, read and replayed.
pub(crate) struct Replayed {
    pub(crate) header: Header,
    pub(crate) snapshot: Snapshot,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) index: Index,
    pub(crate) head: Seq,
    pub(crate) written_at: Timestamp,
    pub(crate) start: usize,
    /// Behind the last whole batch.
    pub(crate) end: usize,
}

/// Reads segment `number` and replays its whole batches; `None` when it has no whole start.
pub(crate) fn replay(
    disk: &dyn Disk,
    config: &SegmentConfig,
    number: u64,
) -> Result<Option<Replayed>, StoreError> {
    let name = names::log(number);
    let file = disk.open(&name, Open::Existing).map_err(|error| unusable(disk, &name, error))?;
    let bytes = sealed::whole(&*file).map_err(|error| unusable(disk, &name, error))?;
    match segment::read_start(&bytes, config.max_keys) {
        Start::Ours((header, snapshot, start)) if header.number == number => {
            let index = Index::new(header.number, header.base, u32::try_from(start).unwrap_or(u32::MAX));
            let head = crate::reader::before(header.base);
            let written_at = header.previous_at;
            let fresh =
                Replayed { written_at, header, snapshot, file, bytes, index, head, start, end: start };
            Ok(Some(run(fresh, config, u64::MAX)))
        }
        Start::Ours(_) | Start::Damaged => Ok(None),
        Start::Version(version) => Err(StoreError::Foreign {
            path: disk.describe(&name),
            why: format!("it has version {version}, this is version {}", segment::VERSION),
        }),
    }
}

pub(crate) fn replay_until(
    base: Replayed,
    config: &SegmentConfig,
    limit: u64,
) -> Result<Replayed, StoreError> {
    let Start::Ours((header, snapshot, start)) = segment::read_start(&base.bytes, config.max_keys) else {
        unreachable!("the same bytes had a whole start before");
    };
    let index = Index::new(header.number, header.base, u32::try_from(start).unwrap_or(u32::MAX));
    let head = crate::reader::before(header.base);
    let written_at = header.previous_at;
    Ok(run(Replayed { written_at, snapshot, index, head, start, end: start, ..base }, config, limit))
}

fn run(mut base: Replayed, config: &SegmentConfig, limit: u64) -> Replayed {
    let Replayed { snapshot, bytes, index, head, end, written_at, .. } = &mut base;
    while let Some(batch) = segment::read_batch(bytes, *end).filter(|batch| batch.end as u64 <= limit) {
        let follows = batch.records.iter().zip(1u64..).all(|(record, n)| record.seq == head.advanced_by(n));
        if !follows {
            break;
        }
        for record in &batch.records {
            let [start, end] = [record.start, record.end].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            index.add(record.seq, start, end);
            match &record.what {
                What::Event { topic, .. } => {
                    // Written by us behind a checksum: always a topic.
                    if let Ok(topic) = Topic::new(topic) {
                        index.post(&topic, &[record.seq]);
                        snapshot.topics.advanced(&topic, record.seq);
                    }
                }
                What::Granted { account, topic } => snapshot.grants.granted(account, topic, record.seq),
                What::Revoked { account, topic } => {
                    let removed = snapshot.topics.past(topic).removed;
                    snapshot.grants.revoked(account, topic, record.seq, removed);
                }
            }
            *head = record.seq;
        }
        if let Some((key, used)) = batch.key {
            snapshot.keys.remember(key.account, key.key, used, config.max_keys);
        }
        (*end, *written_at) = (batch.end, batch.at);
    }
    base
}

/// Applies committed or appended records to what is known.
pub(crate) fn apply_right(record: &Record, topics: &Topics, grants: &mut Grants) {
    match record {
        Record::Event(_) => {}
        Record::Granted { seq, account, topic } => grants.granted(account, topic, *seq),
        Record::Revoked { seq, account, topic } => {
            grants.revoked(account, topic, *seq, topics.past(topic).removed);
        }
    }
}
