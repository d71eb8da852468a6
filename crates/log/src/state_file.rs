//! How far the log had been committed: what recovery compares the segments with.
//!
//! Two slots, written in turn after every commit and not synced: a killed process leaves the last commit in the page
//! cache; a power cut leaves some earlier one, which is still a lower bound. Synced when the store opens and closes.

use std::io;
use std::sync::Arc;

use bowline_proto::Seq;

use crate::boot::BootId;
use crate::codec::{Take, put_seq, put_text, put_u64};
use crate::config::Durability;
use crate::disk::{Disk, DiskFile, Open};
use crate::frame::{self, Tag};
use crate::names;

const NAME: &str = "state";
/// Slots lie in blocks of their own, so that a torn write reaches one only.
const SLOT_BYTES: usize = 4096;

/// How far the log was, by whom, and whether it was left in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) boot: BootId,
    pub(crate) durability: Durability,
    /// The store was closed: everything is synced.
    pub(crate) is_clean: bool,
    /// The segment that was open.
    pub(crate) segment: u64,
    /// Everything before this offset of it was committed.
    pub(crate) offset: u64,
    /// The last committed position.
    pub(crate) head: Seq,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// There is no such file.
    Nothing,
    /// Neither slot can be read.
    Damaged,
    /// The last commit, as far as the machine kept it.
    Last(State),
    /// One slot is damaged: this commit or the one after it was the last.
    AtLeast(State),
}

/// The open file.
#[derive(Debug)]
pub(crate) struct StateFile {
    file: Arc<dyn DiskFile>,
    /// Writes so far: the slot with the greater count is the younger.
    writes: u64,
}

impl StateFile {
    pub(crate) fn read(disk: &dyn Disk) -> io::Result<Told> {
        let file = match disk.open(NAME, Open::Existing) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Told::Nothing),
            Err(error) => return Err(error),
        };
        let mut bytes = [0; 2 * SLOT_BYTES];
        let filled = file.read_at(&mut bytes, 0)?;
        let (first, second) = bytes[..filled].split_at(filled.min(SLOT_BYTES));
        Ok(match (parse(first), parse(second)) {
            (Some((a, first)), Some((b, second))) => Told::Last(if a > b { first } else { second }),
            (Some((_, state)), None) | (None, Some((_, state))) => Told::AtLeast(state),
            (None, None) => Told::Damaged,
        })
    }

    /// Makes the file anew, both slots saying `state`, synced.
    pub(crate) fn create(disk: &dyn Disk, state: &State) -> io::Result<StateFile> {
        const NEXT: &str = "state.new";
        let file = disk.open(NEXT, Open::Fresh)?;
        let mut made = StateFile { file, writes: 0 };
        made.write(state)?;
        made.write(state)?;
        made.file.sync_data()?;
        disk.rename(NEXT, NAME)?;
        disk.sync_dir()?;
        Ok(made)
    }

    pub(crate) fn write(&mut self, state: &State) -> io::Result<()> {
        self.writes += 1;
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        frame::put(&mut slot, Tag::State, |out| {
            put_u64(out, self.writes);
            put_text(out, state.boot.as_str().unwrap_or_default());
            out.push(u8::from(state.durability == Durability::Os));
            out.push(u8::from(state.is_clean));
            put_u64(out, state.segment);
            put_u64(out, state.offset);
            put_seq(out, state.head);
        });
        self.file.write_at(&slot, self.writes % 2 * SLOT_BYTES as u64)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn parse(slot: &[u8]) -> Option<(u64, State)> {
    let frame = frame::first(slot).filter(|frame| frame.tag == Tag::State)?;
    let mut from = Take(frame.body);
    let writes = from.u64()?;
    let boot = match from.text()? {
        "" => BootId::unknown(),
        id => BootId::new(id),
    };
    let durability = if from.u8()? == 0 { Durability::Fsync } else { Durability::Os };
    let is_clean = from.u8()? != 0;
    let state =
        State { boot, durability, is_clean, segment: from.u64()?, offset: from.u64()?, head: from.seq()? };
    (state.segment < names::MOST).then_some((writes, state))
}
