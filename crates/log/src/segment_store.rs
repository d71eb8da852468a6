//! The log in files: what is written when, and what is durable before it is said to be.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bowline_proto::{Account, Page, Query, Record, Seq, Timestamp, Topic};
use tracing::{debug, error, warn};

use crate::boot::{BootId, Opening};
use crate::config::{Durability, SegmentConfig};
use crate::disk::{Disk, DiskFile, DiskLock, Open, full_or_failed, is_full, unusable};
use crate::found::{OpenSegment, Recovery};
use crate::index::Index;
use crate::keys::Keys;
use crate::names;
use crate::places::{self, Known, Plan};
use crate::recovery;
use crate::replay::Replay;
use crate::replayed;
use crate::sealed::{self, Cache, Loaded, Sealed};
use crate::segment::{self, Header, SnapshotOf};
use crate::state_file::{State, StateFile, Told};
use crate::store::{Appended, Batch, LogStore, Status, StoreError};
use crate::view::{OpenView, View};

/// The log as a directory of append-only segment files; `docs/log.md` describes them.
///
/// It has no clock, no randomness and no thread of its own: everything comes in through [`Opening`], arguments and the
/// [`Disk`].
#[derive(Debug)]
pub struct SegmentStore {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) config: SegmentConfig,
    boot: BootId,
    pub(crate) view: RwLock<View>,
    pub(crate) cache: Cache,
    writer: Mutex<Writer>,
}

/// What only the appending thread needs.
#[derive(Debug)]
pub(crate) struct Writer {
    phase: Phase,
    /// Kept until the store is closed or dropped.
    lock: Option<DiskLock>,
    state: StateFile,
    keys: Keys,
    file: Arc<dyn DiskFile>,
    number: u64,
    pub(crate) made_at: Timestamp,
    /// When its last batch was written, or the one before it.
    written_at: Timestamp,
    /// Where the open segment's batches start.
    pub(crate) start: u64,
    /// Where its next batch goes.
    pub(crate) end: u64,
    /// The last position given.
    last: Seq,
    /// The last position committed.
    committed: Seq,
    /// Appended, not committed.
    pending: Vec<Record>,
    /// Bytes were written since the last commit.
    pub(crate) is_dirty: bool,
}

/// Whether the store takes appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Writable,
    /// What is on the device is not known: reading only.
    Failed,
    /// Closed in order: reading only.
    Closed,
}

impl SegmentStore {
    /// Opens the log in `disk`, recovering it from whatever happened to it, or starts one where there is none.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Unusable`], [`StoreError::Foreign`], [`StoreError::Full`],
    /// [`StoreError::Failed`].
    pub fn open(
        disk: Arc<dyn Disk>,
        config: SegmentConfig,
        opening: Opening,
    ) -> Result<(SegmentStore, Recovery), StoreError> {
        let lock = disk.lock(names::LOCK).map_err(|error| unusable(&*disk, names::LOCK, error))?;
        let lock = lock.ok_or_else(|| StoreError::Locked { path: disk.describe(names::LOCK) })?;
        let told = StateFile::read(&*disk).map_err(|error| unusable(&*disk, "state", error))?;
        let found = recovery::recover(&*disk, &config, &opening, &told)?;
        let mut recovery = found.recovery;

        let state = State {
            boot: opening.boot.clone(),
            durability: config.durability,
            is_clean: false,
            segment: 0,
            offset: 0,
            head: Seq::ZERO,
        };
        let mut snapshot = found.snapshot;
        let mut sealed = VecDeque::from(found.sealed);
        // The first state of a new log names no segment: a crash between it and the first segment leaves a new log. Where
        // a state is missing beside segments, none may say that nothing of them was committed.
        let early = match told {
            Told::Nothing if found.open.is_none() && recovery.epoch_change.is_none() => {
                Some(create_state(&*disk, &state)?)
            }
            Told::Nothing | Told::Damaged | Told::Last(_) | Told::AtLeast(_) => None,
        };
        let open = match found.open {
            Some(open) if !found.must_roll => open,
            before => {
                let written_at = before.as_ref().map_or(opening.now, |open| open.written_at);
                if let Some(open) = before {
                    let (number, base, last) = (open.number, open.index.base(), open.index.last());
                    if base <= last {
                        write_index(&*disk, number, &open.index);
                        sealed.push_back(Sealed { number, base, last, bytes: open.end, written_at });
                    }
                }
                let number = found.next_number;
                snapshot.oldest_number = sealed.front().map_or(number, |first| first.number);
                snapshot.oldest = sealed.front().map_or(found.head.next(), |first| first.base);
                let previous = sealed.back().map_or(Seq::ZERO, |last| last.last);
                let header = Header {
                    number,
                    previous,
                    previous_at: written_at,
                    base: found.head.next(),
                    made_at: opening.now,
                };
                make_segment(&*disk, &header, &snapshot.borrowed())?
            }
        };
        let state = State { segment: open.number, offset: open.end, head: found.head, ..state };
        let state = match early {
            Some(mut file) => {
                file.write(&state).and_then(|()| file.sync()).map_err(StoreError::Failed)?;
                file
            }
            None => create_state(&*disk, &state)?,
        };
        found.aside.set(&*disk, &mut recovery).map_err(full_or_failed)?;
        let writer = Writer {
            phase: Phase::Writable,
            lock: Some(lock),
            state,
            keys: snapshot.keys,
            file: Arc::clone(&open.file),
            number: open.number,
            made_at: open.made_at,
            written_at: open.written_at,
            start: open.start,
            end: open.end,
            last: found.head,
            committed: found.head,
            pending: Vec::new(),
            is_dirty: false,
        };
        let view = View {
            head: found.head,
            oldest: snapshot.oldest,
            epochs: snapshot.epochs,
            topics: snapshot.topics,
            grants: snapshot.grants,
            sealed,
            open: OpenView { number: open.number, file: open.file, index: open.index, bytes: open.end },
        };
        debug!(head = %found.head, epoch = %view.epochs.current().epoch, "the log is open");
        let cache = Cache::new(config.index_cache_bytes);
        let (view, writer) = (RwLock::new(view), Mutex::new(writer));
        Ok((SegmentStore { disk, config, boot: opening.boot, view, cache, writer }, recovery))
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view(&self) -> std::sync::RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view_mut(&self) -> std::sync::RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes `plan` behind the open segment, whole or not at all.
    fn write(&self, writer: &mut Writer, plan: &Plan, now: Timestamp) -> Result<(), StoreError> {
        let (bytes, places) = segment::write_batches(plan, writer.committed, now);
        if bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = writer.file.write_at(&bytes, writer.end) {
            return Err(match (is_full(&error), self.undo(writer)) {
                (true, Ok(())) => StoreError::Full,
                (true, Err(error)) => writer.fail(error),
                (false, _) => writer.fail(error),
            });
        }
        let start = writer.end;
        writer.end += bytes.len() as u64;
        writer.written_at = now;
        writer.is_dirty = true;
        let mut view = self.view_mut();
        let view = &mut *view;
        view.open.bytes = writer.end;
        let index = &mut view.open.index;
        for (record, (from, to)) in plan.records.iter().zip(places) {
            let [from, to] =
                [from, to].map(|at| u32::try_from(start + at as u64).expect("segments end below 4 GiB"));
            index.add(record.seq(), from, to);
            replayed::apply_right(record, &view.topics, &mut view.grants);
        }
        for (topic, seqs) in &plan.touched {
            index.post(topic, seqs);
            if let Some(&head) = seqs.last() {
                view.topics.advanced(topic, head);
            }
        }
        Ok(())
    }

    /// Takes away what was written behind the last batch. A power cut must not bring it back in the place of what comes
    /// there next: where commits sync nothing, this does.
    fn undo(&self, writer: &Writer) -> io::Result<()> {
        writer.file.truncate(writer.end)?;
        match self.config.durability {
            Durability::Fsync => Ok(()),
            Durability::Os => writer.file.sync_data(),
        }
    }

    /// Seals the open segment and starts the next. Everything must be committed.
    pub(crate) fn roll(&self, writer: &mut Writer, now: Timestamp) -> Result<(), StoreError> {
        // In `Os` durability nothing was synced so far; sealed segments are always durable.
        writer.file.sync_data().map_err(|error| writer.fail(error))?;
        let (number, previous) = (writer.number, writer.last);
        let made = {
            let view = self.view();
            write_index(&*self.disk, number, &view.open.index);
            let snapshot = SnapshotOf {
                oldest_number: view.oldest_number(),
                oldest: view.oldest,
                epochs: &view.epochs,
                topics: &view.topics,
                grants: &view.grants,
                keys: &writer.keys,
            };
            let (base, previous_at) = (previous.next(), writer.written_at);
            let header = Header { number: number + 1, previous, previous_at, base, made_at: now };
            make_segment(&*self.disk, &header, &snapshot)
        };
        let made = made.map_err(|error| match error {
            StoreError::Failed(error) => writer.fail(error),
            other => other,
        })?;
        debug!(segment = made.number, "a segment is sealed, the next one started");
        writer.file = Arc::clone(&made.file);
        (writer.number, writer.made_at) = (made.number, made.made_at);
        let bytes = core::mem::replace(&mut writer.end, made.end);
        writer.start = made.start;
        let open = OpenView { number: made.number, file: made.file, index: made.index, bytes: made.end };
        let oldest = {
            let mut view = self.view_mut();
            let old = core::mem::replace(&mut view.open, open);
            let base = old.index.base();
            let loaded = Loaded { index: old.index, file: Some(old.file) };
            self.cache.keep(number, Arc::new(loaded));
            let written_at = writer.written_at;
            view.sealed.push_back(Sealed { number, base, last: previous, bytes, written_at });
            view.oldest_number()
        };
        self.forget_removed(oldest);
        Ok(())
    }

    fn state(&self, writer: &Writer) -> State {
        State {
            boot: self.boot.clone(),
            durability: self.config.durability,
            is_clean: false,
            segment: writer.number,
            offset: writer.end,
            head: writer.last,
        }
    }
}

impl Writer {
    fn usable(&self) -> Result<(), StoreError> {
        match self.phase {
            Phase::Writable => Ok(()),
            Phase::Failed => Err(StoreError::Failed(io::Error::other("the log failed before"))),
            Phase::Closed => Err(StoreError::Failed(io::Error::other("the log is closed"))),
        }
    }

    pub(crate) fn fail(&mut self, cause: io::Error) -> StoreError {
        error!(error = %cause, "the log's device failed; the log takes no more appends until it is reopened");
        self.phase = Phase::Failed;
        StoreError::Failed(cause)
    }
}

impl LogStore for SegmentStore {
    fn append(&self, batches: &[Batch], now: Timestamp) -> Result<Vec<Appended>, StoreError> {
        let mut writer = self.writer();
        let writer = &mut *writer;
        writer.usable()?;
        if !writer.is_dirty && writer.end - writer.start >= self.config.segment_bytes {
            self.roll(writer, now)?;
        }
        let plan = {
            let view = self.view();
            let known =
                Known { last: writer.last, topics: &view.topics, grants: &view.grants, keys: &writer.keys };
            places::plan(batches, &known, now)
        };
        self.write(writer, &plan, now)?;
        writer.last = plan.records.last().map_or(writer.last, Record::seq);
        for (key, used) in plan.batches.into_iter().filter_map(|batch| batch.key) {
            writer.keys.remember(key.account, key.key, used, self.config.max_keys);
        }
        writer.pending.extend(plan.records);
        Ok(plan.outcomes)
    }

    fn commit(&self) -> Result<Arc<[Record]>, StoreError> {
        let mut writer = self.writer();
        let writer = &mut *writer;
        writer.usable()?;
        if writer.is_dirty {
            if self.config.durability == Durability::Fsync {
                writer.file.sync_data().map_err(|error| writer.fail(error))?;
            }
            let state = self.state(writer);
            writer.state.write(&state).map_err(|error| writer.fail(error))?;
            writer.is_dirty = false;
            writer.committed = writer.last;
            self.view_mut().head = writer.last;
        }
        Ok(core::mem::take(&mut writer.pending).into())
    }

    fn read(&self, query: &Query) -> Result<Page, StoreError> {
        Replay { disk: &*self.disk, view: &self.view, cache: &self.cache }.read(query)
    }

    fn grants(&self, account: &Account) -> (Vec<Topic>, Seq) {
        let view = self.view();
        (view.grants.at(account, view.head), view.head)
    }

    fn status(&self) -> Status {
        let view = self.view();
        Status {
            epoch: view.epochs.current().epoch,
            head: view.head,
            oldest: view.oldest,
            bytes: view.bytes(),
        }
    }

    fn retain(&self, now: Timestamp) -> Result<Seq, StoreError> {
        let mut writer = self.writer();
        writer.usable()?;
        self.apply_retention(&mut writer, now)
    }

    fn close(&self) -> Result<(), StoreError> {
        // Whatever fails here, the lock is let go: a store that is opened again recovers.
        let is_writable = self.writer().phase == Phase::Writable;
        let committed = if is_writable { self.commit().map(drop) } else { Ok(()) };
        let mut writer = self.writer();
        let writer = &mut *writer;
        let closing = match writer.phase {
            Phase::Writable => {
                let state = State { is_clean: true, ..self.state(writer) };
                let synced = writer.file.sync_data().and_then(|()| {
                    writer.state.write(&state)?;
                    writer.state.sync()
                });
                writer.phase = Phase::Closed;
                synced.map_err(|error| writer.fail(error))
            }
            Phase::Failed | Phase::Closed => Ok(()),
        };
        writer.lock = None;
        committed.and(closing)
    }
}

/// Writes the start of a segment, durable with its name. Nothing is left of it when there is no room.
fn make_segment(
    disk: &dyn Disk,
    header: &Header,
    snapshot: &SnapshotOf<'_>,
) -> Result<OpenSegment, StoreError> {
    let mut bytes = Vec::new();
    header.put(&mut bytes);
    snapshot.put(&mut bytes, header.made_at);
    let name = names::log(header.number);
    let file = disk.open(&name, Open::Fresh).map_err(full_or_failed)?;
    if let Err(error) = file.write_at(&bytes, 0) {
        return Err(match disk.remove(&name) {
            Ok(()) => full_or_failed(error),
            Err(error) => StoreError::Failed(error),
        });
    }
    file.sync_data().and_then(|()| disk.sync_dir()).map_err(StoreError::Failed)?;
    let start = bytes.len() as u64;
    let index = Index::new(header.number, header.base, u32::try_from(start).unwrap_or(u32::MAX));
    let (number, made_at, written_at) = (header.number, header.made_at, header.previous_at);
    Ok(OpenSegment { number, made_at, written_at, file, index, start, end: start })
}

fn create_state(disk: &dyn Disk, state: &State) -> Result<StateFile, StoreError> {
    StateFile::create(disk, state).map_err(full_or_failed)
}

/// An index file is a convenience: without it the index is made from the segment.
fn write_index(disk: &dyn Disk, number: u64, index: &Index) {
    if let Err(error) = sealed::write_index(disk, number, index) {
        warn!(segment = number, %error, "the index of a sealed segment cannot be written");
    }
}
