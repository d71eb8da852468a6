//! What the log is after whatever happened to its files: what holds, what is lost, whether the epoch goes on.
//!
//! The last segment with a whole start tells everything before it; its batches are replayed up to the first that is
//! not whole. What is missing then below the last commit is a loss; what is missing above it was never acknowledged.

use std::io;
use std::sync::Arc;

use bowline_proto::{Record, Seq, Timestamp};

use crate::boot::Opening;
use crate::config::{Durability, SegmentConfig};
use crate::disk::{Disk, DiskFile, Open};
use crate::epochs::{EPOCH_JUMP, Epochs, Era};
use crate::frame::{self, Tag};
use crate::grants::Grants;
use crate::index::Index;
use crate::keys::Keys;
use crate::names;
use crate::sealed::{self, Sealed};
use crate::segment::{self, Header, Snapshot, Start, What};
use crate::state_file::{State, Told};
use crate::store::StoreError;
use crate::topics::Topics;

/// What opening a store found, for a line in the operator's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The store had been closed in order, or is new.
    pub was_clean: bool,
    /// Why the epoch changed; `None` when it goes on (or starts with a new log).
    pub epoch_change: Option<EpochChange>,
    /// Bytes cut off that had never been acknowledged.
    pub dropped_bytes: u64,
    /// Files that keep damaged bytes aside.
    pub damaged: Vec<String>,
    /// Sealed segments that are not there or have no readable start: reading over them gives gaps.
    pub missing_segments: Vec<u64>,
}

/// Why readers of the old epoch may have lost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EpochChange {
    /// Records below the last commit are damaged, cut off or missing.
    AcknowledgedLost,
    /// The machine went down without `fsync` having been asked for.
    PowerCut,
    /// What had been committed can't be known: the state file is missing or damaged.
    StateUnknown,
}

/// What the files amount to.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) recovery: Recovery,
    pub(crate) snapshot: Snapshot,
    pub(crate) sealed: Vec<Sealed>,
    /// The segment to go on with; `None` when there is none.
    pub(crate) open: Option<OpenSegment>,
    /// The last position.
    pub(crate) head: Seq,
    /// Above every number in use.
    pub(crate) next_number: u64,
    /// A new segment has to be started before anything is appended, at `head` + 1.
    pub(crate) must_roll: bool,
    /// To be moved aside after that.
    pub(crate) aside: Aside,
}

/// The segment that is written.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) number: u64,
    pub(crate) made_at: Timestamp,
    /// When its last batch was written.
    pub(crate) written_at: Timestamp,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) index: Index,
    /// Where its batches start.
    pub(crate) start: u64,
    /// Where the next one goes.
    pub(crate) end: u64,
}

/// The newest segment with a whole start, read and replayed.
struct Replayed {
    header: Header,
    snapshot: Snapshot,
    file: Arc<dyn DiskFile>,
    bytes: Vec<u8>,
    index: Index,
    head: Seq,
    written_at: Timestamp,
    start: usize,
    /// Behind the last whole batch.
    end: usize,
}

pub(crate) fn recover(
    disk: &dyn Disk,
    config: &SegmentConfig,
    opening: &Opening,
    told: &Told,
) -> Result<Found, StoreError> {
    let names = disk.list().map_err(|error| unusable(disk, "", error))?;
    let mut logs = names::numbers(&names, "log");
    let used = names.iter().filter_map(|name| names::parse(name)).map(|(number, _)| number).max();
    let last = match told {
        Told::Last(state) | Told::AtLeast(state) => Some(state),
        Told::Nothing | Told::Damaged => None,
    };
    let next_number = used.max(last.map(|state| state.segment)).unwrap_or(0) + 1;

    let mut recovery = Recovery::default();
    let mut unreadable = Vec::new();
    let mut replayed = None;
    while let Some(number) = logs.pop() {
        if let Some(read) = replay(disk, config, number)? {
            replayed = Some(read);
            break;
        }
        unreadable.push(number);
    }
    let Some(mut base) = replayed else {
        let is_new = last.map_or(unreadable.is_empty(), |state| state.segment == 0);
        return Ok(start_over(opening, last, recovery, unreadable, next_number, is_new));
    };

    let limit = limit(&base, told, opening);
    if let Limit::Exactly(offset) = limit
        && offset < base.end as u64
    {
        base = replay_until(base, config, offset)?;
    }
    let evidence = evidence(disk, &base, &unreadable);
    let handed_out = last.map_or(Seq::ZERO, |state| state.head).max(evidence);
    let is_short = match limit {
        Limit::Exactly(offset) | Limit::AtLeast(offset) => (base.end as u64) < offset,
        Limit::Unknown => false,
    };
    let is_cut_after_end = base.bytes.len() > base.end || !unreadable.is_empty();
    let names_later = last.is_some_and(|state| state.segment > base.header.number);
    recovery.was_clean = last.is_some_and(|state| state.is_clean) && !is_short && !names_later;
    recovery.epoch_change = if is_short || names_later || evidence > base.head {
        Some(EpochChange::AcknowledgedLost)
    } else {
        match told {
            Told::Nothing | Told::Damaged => Some(EpochChange::StateUnknown),
            // A power cut may tear a slot as it tears the log's tail. A process that dies tears neither.
            Told::AtLeast(state) if is_cut_after_end && state.boot.is_same_as(&opening.boot) => {
                Some(EpochChange::StateUnknown)
            }
            Told::Last(state) | Told::AtLeast(state) => (state.durability == Durability::Os
                && !state.is_clean
                && !state.boot.is_same_as(&opening.boot))
            .then_some(EpochChange::PowerCut),
        }
    };

    let is_same_epoch = recovery.epoch_change.is_none();
    if is_same_epoch {
        drop_unacknowledged(disk, &mut recovery, &base, &unreadable)?;
    }
    let removed = names::numbers(&names, "removed");
    take_up_removed(disk, &mut base.snapshot, &removed);
    finish_removals(disk, &names, &mut logs, &removed, base.snapshot.oldest_number)?;
    let sealed = sealed_segments(disk, &base, &logs, &names, &mut recovery)?;
    base.snapshot.oldest =
        base.snapshot.oldest.max(sealed.first().map_or(base.header.base, |first| first.base));
    base.snapshot.oldest_number = sealed.first().map_or(base.header.number, |first| first.number);
    // What is kept must outlive a power cut from now on, also where the process died before its fsync.
    base.file.sync_data().map_err(StoreError::Failed)?;

    let mut head = base.head;
    if recovery.epoch_change.is_some() {
        let shared = base.head;
        let first = shared.max(handed_out).advanced_by(EPOCH_JUMP);
        let is_lossy = handed_out > shared;
        base.snapshot.epochs.start(Era { epoch: opening.fresh_epoch, shared, first, is_lossy });
        head = crate::reader::before(first);
    }
    let mut aside = Aside::default();
    if !is_same_epoch {
        aside.unreadable = unreadable;
        let tail = base.bytes.get(base.end..).filter(|tail| !tail.is_empty());
        aside.tail = tail.map(|tail| (base.header.number, base.end as u64, tail.to_vec()));
    }
    Ok(Found {
        must_roll: !is_same_epoch,
        aside,
        recovery,
        snapshot: base.snapshot,
        sealed,
        open: Some(OpenSegment {
            number: base.header.number,
            made_at: base.header.made_at,
            written_at: base.written_at,
            file: base.file,
            index: base.index,
            start: base.start as u64,
            end: base.end as u64,
        }),
        head,
        next_number,
    })
}

/// No segment can be read: a new log, above everything that may have been handed out.
fn start_over(
    opening: &Opening,
    last: Option<&State>,
    mut recovery: Recovery,
    unreadable: Vec<u64>,
    next_number: u64,
    is_new: bool,
) -> Found {
    let mut first = Seq::ZERO.next();
    if is_new {
        recovery.was_clean = true;
    } else {
        recovery.epoch_change = Some(EpochChange::AcknowledgedLost);
        first = last.map_or(Seq::ZERO, |state| state.head).advanced_by(EPOCH_JUMP);
    }
    let snapshot = Snapshot {
        oldest_number: next_number,
        oldest: first,
        epochs: Epochs::new(opening.fresh_epoch, first),
        topics: Topics::default(),
        grants: Grants::default(),
        keys: Keys::default(),
    };
    let head = crate::reader::before(first);
    let aside = Aside { tail: None, unreadable };
    Found { recovery, snapshot, sealed: Vec::new(), open: None, head, next_number, must_roll: true, aside }
}

/// Up to where the newest segment must or may reach.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// Everything below was committed, nothing above: the machine has kept what the process wrote last.
    Exactly(u64),
    /// Everything below was committed, and perhaps more.
    AtLeast(u64),
    Unknown,
}

fn limit(base: &Replayed, told: &Told, opening: &Opening) -> Limit {
    let (state, is_exact) = match told {
        Told::Nothing | Told::Damaged => return Limit::Unknown,
        Told::Last(state) => (state, state.is_clean || state.boot.is_same_as(&opening.boot)),
        Told::AtLeast(state) => (state, false),
    };
    // A segment is started only when everything before it is committed, so a younger one than the state names says
    // that the state's commit holds, and that nothing in it has been committed.
    let offset = if state.segment < base.header.number {
        base.start as u64
    } else if state.segment == base.header.number {
        state.offset
    } else {
        return Limit::Unknown;
    };
    if is_exact { Limit::Exactly(offset) } else { Limit::AtLeast(offset) }
}

/// Reads segment `number` and replays its whole batches; `None` when it has no whole start.
fn replay(disk: &dyn Disk, config: &SegmentConfig, number: u64) -> Result<Option<Replayed>, StoreError> {
    let name = names::log(number);
    let file = disk.open(&name, Open::Existing).map_err(|error| unusable(disk, &name, error))?;
    let bytes = sealed::whole(&*file).map_err(|error| unusable(disk, &name, error))?;
    match segment::read_start(&bytes, config.max_keys) {
        Start::Ours((header, snapshot, start)) if header.number == number => {
            let index = Index::new(header.base, u32::try_from(start).unwrap_or(u32::MAX));
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

fn replay_until(base: Replayed, config: &SegmentConfig, limit: u64) -> Result<Replayed, StoreError> {
    let Start::Ours((header, snapshot, start)) = segment::read_start(&base.bytes, config.max_keys) else {
        unreachable!("the same bytes had a whole start before");
    };
    let index = Index::new(header.base, u32::try_from(start).unwrap_or(u32::MAX));
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
                    if let Ok(topic) = bowline_proto::Topic::new(topic) {
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

/// The greatest position that something behind the last whole batch proves to have been committed.
fn evidence(disk: &dyn Disk, base: &Replayed, unreadable: &[u64]) -> Seq {
    let mut proved = committed_in(&base.bytes[base.end..]).unwrap_or(Seq::ZERO);
    for &number in unreadable {
        let bytes = sealed::read_all(disk, &names::log(number)).unwrap_or_default();
        // A segment's start is durable before its first batch: where a batch has lost it, something durable is lost.
        proved = proved.max(committed_in(&bytes).map_or(Seq::ZERO, Seq::next));
    }
    proved
}

fn committed_in(bytes: &[u8]) -> Option<Seq> {
    let frames = (0..bytes.len()).filter_map(|at| frame::first(&bytes[at..]));
    frames
        .filter(|frame| frame.tag == Tag::Batch)
        .filter_map(|frame| segment::batch_committed(frame.body))
        .max()
}

/// Cuts off what was never acknowledged: the newest segment behind its last whole batch, and starts of segments.
fn drop_unacknowledged(
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
    tail: Option<(u64, u64, Vec<u8>)>,
    /// Segments without a whole start.
    unreadable: Vec<u64>,
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

/// A removal by retention that was interrupted between its steps is finished.
fn finish_removals(
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

fn size_of_file(disk: &dyn Disk, name: &str) -> u64 {
    disk.open(name, Open::Existing).and_then(|file| file.size()).unwrap_or(0)
}

/// What retention removed since the snapshot was written.
fn take_up_removed(disk: &dyn Disk, snapshot: &mut Snapshot, removed: &[u64]) {
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

/// The segments before the newest, with entries for stretches that no file tells of.
fn sealed_segments(
    disk: &dyn Disk,
    base: &Replayed,
    logs: &[u64],
    names: &[String],
    recovery: &mut Recovery,
) -> Result<Vec<Sealed>, StoreError> {
    let mut known: Vec<(Header, u64)> = Vec::new();
    for &number in logs.iter().filter(|&&number| number >= base.snapshot.oldest_number) {
        let name = names::log(number);
        let file = disk.open(&name, Open::Existing).map_err(|error| unusable(disk, &name, error))?;
        if let Ok(Start::Ours(header)) = Header::read(&*file)
            && header.number == number
        {
            known.push((header, file.size().unwrap_or(0)));
        }
    }
    known.push((base.header, 0));
    let indexes = names::numbers(names, "index");
    let mut sealed = Vec::new();
    // The next number and position to be accounted for.
    let (mut number, mut next) = (base.snapshot.oldest_number, base.snapshot.oldest);
    for pair in 0..known.len() {
        let (header, bytes) = known[pair];
        while number < header.number {
            // Nobody tells where one missing segment ends and the next starts, unless an index file is left.
            let index = indexes.contains(&number).then(|| sealed::read_all(disk, &names::index(number)));
            let index = index.and_then(Result::ok).and_then(|bytes| Index::from_bytes(&bytes));
            let (first, last) = match &index {
                Some(index) => (index.base(), index.last()),
                None => {
                    let later = (number + 1..header.number).find(|number| indexes.contains(number));
                    let later = later.and_then(|later| {
                        let bytes = sealed::read_all(disk, &names::index(later)).ok()?;
                        Some(crate::reader::before(Index::from_bytes(&bytes)?.base()))
                    });
                    (next, later.unwrap_or(header.previous).min(header.previous))
                }
            };
            if first <= last {
                recovery.missing_segments.push(number);
                sealed.push(Sealed { number, base: first, last, bytes: 0, written_at: header.previous_at });
                next = last.next();
            }
            number += 1;
        }
        if let Some((following, _)) = known.get(pair + 1) {
            let is_next = following.number == header.number + 1;
            let last = match is_next {
                true => following.previous,
                false => end_of(disk, &header, following.previous),
            };
            let written_at = following.previous_at;
            number = header.number + 1;
            if header.base <= last {
                sealed.push(Sealed { number: header.number, base: header.base, last, bytes, written_at });
                next = last.next();
            }
        }
    }
    Ok(sealed)
}

/// The last position of a segment whose successor is missing.
fn end_of(disk: &dyn Disk, header: &Header, at_most: Seq) -> Seq {
    let index = sealed::read_all(disk, &names::index(header.number)).ok();
    if let Some(index) = index.and_then(|bytes| Index::from_bytes(&bytes)) {
        return index.last().min(at_most);
    }
    let bytes = sealed::read_all(disk, &names::log(header.number)).unwrap_or_default();
    let mut last = crate::reader::before(header.base);
    let Start::Ours((_, _, mut at)) = segment::read_start(&bytes, 0) else { return last };
    while let Some(batch) = segment::read_batch(&bytes, at) {
        last = batch.records.last().map_or(last, |record| record.seq);
        at = batch.end;
    }
    last.min(at_most)
}

pub(crate) fn unusable(disk: &dyn Disk, name: &str, source: io::Error) -> StoreError {
    StoreError::Unusable { path: disk.describe(name), source }
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
