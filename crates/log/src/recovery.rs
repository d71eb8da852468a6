//! What the log is after whatever happened to its files: what holds, what is lost, whether the epoch goes on.
//!
//! The last segment with a whole start tells everything before it; its batches are replayed up to the first that is
//! not whole. What is missing then below the last commit is a loss; what is missing above it was never acknowledged.

use bowline_proto::Seq;

use crate::boot::Opening;
use crate::config::{Durability, SegmentConfig};
use crate::disk::{Disk, unusable};
use crate::epochs::{EPOCH_JUMP, Epochs, Era};
use crate::found::{EpochChange, OpenSegment, Recovery};
use crate::grants::Grants;
use crate::keys::Keys;
use crate::leftover::{Aside, drop_unacknowledged, evidence, named_by_traces};
use crate::names;
use crate::reader::before;
use crate::removed::{finish_removals, take_up_removed};
use crate::replayed::{Replayed, replay, replay_until};
use crate::sealed::Sealed;
use crate::sealed_list::sealed_segments;
use crate::segment::Snapshot;
use crate::state_file::{State, Told};
use crate::store::StoreError;
use crate::topics::Topics;

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
        let is_new = match told {
            Told::Nothing => used.is_none(),
            // Only a log that has been there can be damaged.
            Told::Damaged => false,
            Told::Last(state) | Told::AtLeast(state) => state.segment == 0,
        };
        let named = named_by_traces(disk, &names, &unreadable)?;
        let handed_out = last.map_or(named, |state| state.head.max(named));
        return Ok(start_over(opening, handed_out, recovery, unreadable, next_number, is_new));
    };

    let limit = limit(&base, told, opening);
    if let Limit::Exactly(offset) = limit
        && offset < base.end as u64
    {
        base = replay_until(base, config, offset)?;
    }
    let evidence = evidence(disk, &base, &unreadable)?;
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
            // A power cut may tear a slot as it tears the log's tail. A process that dies tears neither; and a slot is written
            // when its batch is on the device, so that one whole batch stands behind the slot before it.
            Told::AtLeast(state)
                if is_cut_after_end && (state.boot.is_same_as(&opening.boot) || ends_at(&base, state)) =>
            {
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
    take_up_removed(disk, &mut base.snapshot, &removed)?;
    finish_removals(disk, &names, &mut logs, &removed, base.snapshot.oldest_number)?;
    let sealed = sealed_segments(disk, &base, &logs, &mut recovery)?;
    base.snapshot.oldest =
        base.snapshot.oldest.max(sealed.first().map_or(base.header.base, |first| first.base));
    base.snapshot.oldest_number = sealed.first().map_or(base.header.number, |first| first.number);
    // What is kept must outlive a power cut from now on, also where the process died before its fsync. After a failed
    // fsync the system takes what it did not write for clean: what no commit has synced is written again.
    let synced = synced_upto(&base, last).min(base.end);
    if synced < base.end {
        base.file.write_at(&base.bytes[synced..base.end], synced as u64).map_err(StoreError::Failed)?;
    }
    base.file.sync_data().map_err(StoreError::Failed)?;

    let mut head = base.head;
    if recovery.epoch_change.is_some() {
        let shared = base.head;
        let first = shared.max(handed_out).advanced_by(EPOCH_JUMP);
        // Known to be lost or not: whoever reads across this place must hear that something may be missing there.
        base.snapshot.epochs.start(Era { epoch: opening.fresh_epoch, shared, first, is_lossy: true });
        head = before(first);
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
    handed_out: Seq,
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
        first = handed_out.advanced_by(EPOCH_JUMP);
    }
    let snapshot = Snapshot {
        oldest_number: next_number,
        oldest: first,
        epochs: Epochs::new(opening.fresh_epoch, first),
        topics: Topics::default(),
        grants: Grants::default(),
        keys: Keys::default(),
    };
    let head = before(first);
    let aside = Aside { tail: None, unreadable };
    Found { recovery, snapshot, sealed: Vec::new(), open: None, head, next_number, must_roll: true, aside }
}

/// Nothing whole stands behind what `state` tells of, whose batches are synced before they are told.
fn ends_at(base: &Replayed, state: &State) -> bool {
    state.durability == Durability::Fsync
        && state.segment == base.header.number
        && state.offset == base.end as u64
}

/// Up to where the newest segment is known to have been synced.
fn synced_upto(base: &Replayed, last: Option<&State>) -> usize {
    let is_synced = |state: &&State| state.durability == Durability::Fsync || state.is_clean;
    let named = last.filter(|state| state.segment == base.header.number).filter(is_synced);
    named.map_or(0, |state| usize::try_from(state.offset).unwrap_or(usize::MAX))
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
