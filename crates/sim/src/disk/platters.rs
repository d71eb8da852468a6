//! What lies on a disk: contents and names as processes see them, and as they stand after a power cut.

use std::collections::BTreeMap;
use std::io;

use super::died;
use crate::rng::Rng;

/// The bit of a byte that rots.
pub(crate) const FLIPPED: u8 = 0x10;

#[derive(Debug)]
pub(super) struct Platters {
    pub(super) rng: Rng,
    pub(super) files: BTreeMap<u64, FileState>,
    /// Names as processes see them.
    pub(super) names: BTreeMap<String, u64>,
    /// Names as they stand after a power cut.
    pub(super) durable_names: BTreeMap<String, u64>,
    /// Changes of names since the directory was synced.
    pub(super) renames: Vec<NameChange>,
    pub(super) next_file: u64,
    pub(super) process: u64,
    pub(super) locked: bool,
    /// The process dies within its n-th change from now.
    pub(super) dies_in: Option<u64>,
    pub(super) dead: bool,
    /// Bytes left, where the disk is full.
    pub(super) room: Option<usize>,
    /// The n-th sync from now fails, and so many in all.
    pub(super) fails_in: Option<(u64, u64)>,
    /// How often there was no room for the start of a segment.
    pub(super) failed_starts: u64,
    /// How many syncs have failed.
    pub(super) failed: u64,
    /// The file that a power cut must leave as processes see it, because what it would say about other files is damaged.
    pub(super) kept_whole: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct FileState {
    pub(super) content: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Set { name: String, file: u64 },
    Move { from: String, to: String },
    Remove { name: String },
}

impl Platters {
    /// Whether the process is still alive after one more change.
    pub(super) fn survives_change(&mut self) -> bool {
        match &mut self.dies_in {
            Some(0) => {
                self.dead = true;
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    pub(super) fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        if !self.survives_change() {
            return Err(died());
        }
        change.apply(&mut self.names);
        self.renames.push(change);
        Ok(())
    }

    /// Whether this sync fails.
    fn fails_sync(&mut self) -> bool {
        match &mut self.fails_in {
            Some((0, times)) => {
                self.failed += 1;
                *times = times.saturating_sub(1);
                if *times == 0 {
                    self.fails_in = None;
                }
                true
            }
            Some((left, _)) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// Syncs a file. What a failed sync has not written is never written: the system takes it for clean.
    pub(super) fn sync_file(&mut self, file: u64) -> io::Result<()> {
        if !self.survives_change() {
            return Err(died());
        }
        let fails = self.fails_sync();
        let rng = &mut self.rng;
        let state = self.files.get_mut(&file).ok_or(io::ErrorKind::NotFound)?;
        if fails {
            state.forget_unsynced(rng);
            return Err(io::Error::other("the simulated device failed to sync"));
        }
        state.sync();
        Ok(())
    }

    pub(super) fn sync_names(&mut self) -> io::Result<()> {
        if !self.survives_change() {
            return Err(died());
        }
        if self.fails_sync() {
            return Err(io::Error::other("the simulated device failed to sync its directory"));
        }
        self.renames.clear();
        self.durable_names = self.names.clone();
        Ok(())
    }

    /// The power goes: what was not synced is lost in whole or in part.
    pub(super) fn cut_power(&mut self) {
        self.dead = true;
        let renames = std::mem::take(&mut self.renames);
        let kept = self.rng.index(renames.len() + 1);
        for change in &renames[..kept] {
            change.apply(&mut self.durable_names);
        }
        let whole = self.kept_whole.as_ref().and_then(|name| self.names.get(name)).copied();
        self.names = self.durable_names.clone();
        if let Some((name, file)) = self.kept_whole.clone().zip(whole) {
            self.names.insert(name.clone(), file);
            self.durable_names.insert(name, file);
        }
        for (number, file) in &mut self.files {
            if Some(*number) == whole {
                file.sync();
            }
            file.cut_power(&mut self.rng);
        }
        let named: Vec<u64> = self.names.values().copied().collect();
        self.files.retain(|number, _| named.contains(number));
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Set { name, file } => {
                names.insert(name.clone(), *file);
            }
            NameChange::Move { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            NameChange::Remove { name } => {
                names.remove(name);
            }
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Change::Truncate { size } => content.resize(*size, 0),
        }
    }

    fn flip(&mut self, at: usize) {
        if let Change::Write { offset, bytes } = self
            && let Some(byte) = at.checked_sub(*offset).and_then(|index| bytes.get_mut(index))
        {
            *byte ^= FLIPPED;
        }
    }
}

impl FileState {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.content);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    pub(super) fn is_durable(&self, size: usize) -> bool {
        size <= self.durable.len() && self.durable.get(..size) == self.content.get(..size)
    }

    /// Pages are lost one by one; sizes are the file system's own and come with its journal.
    fn forget_unsynced(&mut self, rng: &mut Rng) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Truncate { .. } => change.apply(&mut self.durable),
                Change::Write { .. } if rng.percent(50) => change.apply(&mut self.durable),
                Change::Write { .. } => {}
            }
        }
    }

    /// One bit of a byte is another one, wherever the byte is.
    pub(super) fn flip(&mut self, at: usize) {
        for bytes in [&mut self.content, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= FLIPPED;
            }
        }
        self.unsynced.iter_mut().for_each(|change| change.flip(at));
    }

    fn cut_power(&mut self, rng: &mut Rng) {
        let changes = std::mem::take(&mut self.unsynced);
        if rng.percent(70) {
            let kept = rng.index(changes.len() + 1);
            for change in &changes[..kept] {
                change.apply(&mut self.durable);
            }
            if let Some(Change::Write { offset, bytes }) = changes.get(kept) {
                let torn = rng.index(bytes.len() + 1);
                let part = Change::Write { offset: *offset, bytes: bytes[..torn].to_vec() };
                part.apply(&mut self.durable);
            }
        } else {
            for change in changes.iter().filter(|_| rng.percent(50)) {
                change.apply(&mut self.durable);
            }
        }
        self.content = self.durable.clone();
    }
}
