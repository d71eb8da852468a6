//! What is left on a disk after a process was killed or the power was cut.
//!
//! A killed process loses nothing that it wrote. A power cut keeps what was synced and, of the rest, a prefix of the
//! writes with the last one torn, or any subset of them; the same holds for names.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_log::{Disk, DiskFile, DiskLock, Open};

use crate::rng::Rng;

/// A disk of the simulated machine. Clones share it.
#[derive(Clone, Debug)]
pub struct SimDisk {
    platters: Arc<Mutex<Platters>>,
    /// The process that holds this handle; a dead one can do nothing any more.
    process: u64,
}

#[derive(Debug)]
struct Platters {
    rng: Rng,
    files: BTreeMap<u64, FileState>,
    /// Names as processes see them.
    names: BTreeMap<String, u64>,
    /// Names as they stand after a power cut.
    durable_names: BTreeMap<String, u64>,
    /// Changes of names since the directory was synced.
    renames: Vec<NameChange>,
    next_file: u64,
    process: u64,
    locked: bool,
    /// The process dies within its n-th change from now.
    dies_in: Option<u64>,
    dead: bool,
    /// Bytes left, where the disk is full.
    room: Option<usize>,
    /// How often there was no room for the start of a segment.
    failed_starts: u64,
}

#[derive(Debug, Default)]
struct FileState {
    content: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

#[derive(Clone, Debug)]
enum NameChange {
    Set { name: String, file: u64 },
    Move { from: String, to: String },
    Remove { name: String },
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(rng: Rng) -> Self {
        let platters = Platters {
            rng,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renames: Vec::new(),
            next_file: 0,
            process: 0,
            locked: false,
            dies_in: None,
            dead: false,
            room: None,
            failed_starts: 0,
        };
        SimDisk { platters: Arc::new(Mutex::new(platters)), process: 0 }
    }

    /// The handle of a new process; every earlier one is dead from now on.
    #[must_use]
    pub fn next_process(&self) -> SimDisk {
        let mut platters = self.lock_platters();
        platters.process += 1;
        platters.locked = false;
        platters.dies_in = None;
        platters.dead = false;
        SimDisk { platters: Arc::clone(&self.platters), process: platters.process }
    }

    /// The process dies in the middle of its `changes`-th write, sync or rename from now.
    pub fn die_in(&self, changes: u64) {
        self.lock_platters().dies_in = Some(changes);
    }

    /// The process does not die of [`SimDisk::die_in`] any more.
    pub fn live_on(&self) {
        self.lock_platters().dies_in = None;
    }

    /// Whether the process died within a change.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.lock_platters().dead
    }

    /// While this is set, files grow only by what others have shrunk; beyond it is `StorageFull`.
    pub fn set_full(&self, full: bool) {
        self.lock_platters().room = full.then_some(0);
    }

    /// How often, since this was last asked, there was no room for the start of a segment.
    #[must_use]
    pub fn take_failed_starts(&self) -> u64 {
        std::mem::take(&mut self.lock_platters().failed_starts)
    }

    /// The power goes: what was not synced is lost in whole or in part.
    pub fn cut_power(&self) {
        let mut guard = self.lock_platters();
        let platters = &mut *guard;
        platters.dead = true;
        let renames = std::mem::take(&mut platters.renames);
        let kept = platters.rng.index(renames.len() + 1);
        for change in &renames[..kept] {
            change.apply(&mut platters.durable_names);
        }
        platters.names = platters.durable_names.clone();
        for file in platters.files.values_mut() {
            file.cut_power(&mut platters.rng);
        }
        let named: Vec<u64> = platters.names.values().copied().collect();
        platters.files.retain(|number, _| named.contains(number));
    }

    fn lock_platters(&self) -> MutexGuard<'_, Platters> {
        self.platters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, Platters>> {
        let platters = self.lock_platters();
        if platters.dead || platters.process != self.process { Err(died()) } else { Ok(platters) }
    }

    fn file(&self, platters: &mut Platters, file: u64) -> Arc<dyn DiskFile> {
        platters.files.entry(file).or_default();
        Arc::new(SimFile { disk: self.clone(), file })
    }
}

impl Platters {
    /// Whether the process is still alive after one more change.
    fn survives_change(&mut self) -> bool {
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

    fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        if !self.survives_change() {
            return Err(died());
        }
        change.apply(&mut self.names);
        self.renames.push(change);
        Ok(())
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
}

impl FileState {
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

impl Disk for SimDisk {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn DiskFile>> {
        let mut platters = self.alive()?;
        match (how, platters.names.get(name).copied()) {
            (Open::Existing, None) => Err(io::ErrorKind::NotFound.into()),
            (Open::Existing, Some(file)) => Ok(self.file(&mut platters, file)),
            (Open::Fresh, Some(file)) => {
                if !platters.survives_change() {
                    return Err(died());
                }
                if let Some(state) = platters.files.get_mut(&file) {
                    state.content.clear();
                    state.unsynced.push(Change::Truncate { size: 0 });
                }
                Ok(self.file(&mut platters, file))
            }
            (Open::Fresh, None) => {
                platters.next_file += 1;
                let file = platters.next_file;
                platters.change_name(NameChange::Set { name: name.to_owned(), file })?;
                Ok(self.file(&mut platters, file))
            }
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.alive()?.names.keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platters = self.alive()?;
        let file = *platters.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let freed = platters.files.get(&file).map_or(0, |state| state.content.len());
        if let Some(room) = &mut platters.room {
            *room += freed;
        }
        platters.change_name(NameChange::Remove { name: name.to_owned() })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut platters = self.alive()?;
        if !platters.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        platters.change_name(NameChange::Move { from: from.to_owned(), to: to.to_owned() })
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut platters = self.alive()?;
        if !platters.survives_change() {
            return Err(died());
        }
        platters.renames.clear();
        platters.durable_names = platters.names.clone();
        Ok(())
    }

    fn lock(&self, _name: &str) -> io::Result<Option<DiskLock>> {
        let mut platters = self.alive()?;
        if platters.locked {
            return Ok(None);
        }
        platters.locked = true;
        Ok(Some(DiskLock::new(HeldLock(self.clone()))))
    }

    fn describe(&self, name: &str) -> String {
        format!("disk/{name}")
    }
}

struct HeldLock(SimDisk);

impl Drop for HeldLock {
    fn drop(&mut self) {
        if let Ok(mut platters) = self.0.alive() {
            platters.locked = false;
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: u64,
}

impl SimFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut guard = self.disk.alive()?;
        let platters = &mut *guard;
        let survives = platters.survives_change();
        let state = platters.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
        let change = match change {
            Change::Write { offset, mut bytes } if !survives => {
                bytes.truncate(platters.rng.index(bytes.len() + 1));
                Change::Write { offset, bytes }
            }
            whole @ (Change::Write { .. } | Change::Truncate { .. }) => whole,
        };
        let before = state.content.len();
        let after = match &change {
            Change::Write { offset, bytes } => before.max(offset + bytes.len()),
            Change::Truncate { size } => *size,
        };
        if let Some(room) = &mut platters.room {
            let Some(left) = (*room + before).checked_sub(after) else {
                let is_segment = |(name, file): (&String, &u64)| *file == self.file && name.ends_with(".log");
                platters.failed_starts += u64::from(before == 0 && platters.names.iter().any(is_segment));
                return Err(io::ErrorKind::StorageFull.into());
            };
            *room = left;
        }
        change.apply(&mut state.content);
        state.unsynced.push(change);
        if survives { Ok(()) } else { Err(died()) }
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        let platters = self.disk.alive()?;
        let state = platters.files.get(&self.file).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.content.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let platters = self.disk.alive()?;
        let state = platters.files.get(&self.file).ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(state.content.len());
        let len = into.len().min(state.content.len() - start);
        into[..len].copy_from_slice(&state.content[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull)?;
        self.change(Change::Write { offset, bytes: bytes.to_vec() })
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::StorageFull)?;
        self.change(Change::Truncate { size })
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut guard = self.disk.alive()?;
        let platters = &mut *guard;
        if !platters.survives_change() {
            return Err(died());
        }
        let state = platters.files.get_mut(&self.file).ok_or(io::ErrorKind::NotFound)?;
        for change in state.unsynced.drain(..) {
            change.apply(&mut state.durable);
        }
        Ok(())
    }
}

fn died() -> io::Error {
    io::Error::other("the simulated process is dead")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(disk: &SimDisk, name: &str) -> Vec<u8> {
        let file = disk.open(name, Open::Existing).unwrap();
        let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn a_killed_process_loses_nothing_that_it_wrote() {
        let disk = SimDisk::new(Rng::new(1)).next_process();
        let file = disk.open("a", Open::Fresh).unwrap();
        file.write_at(b"written", 0).unwrap();
        let heir = disk.next_process();
        assert_eq!(content(&heir, "a"), b"written");
        assert!(file.write_at(b"late", 0).is_err(), "the dead process writes no more");
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_may_tear_the_rest() {
        let mut torn = 0;
        for seed in 0..200 {
            let disk = SimDisk::new(Rng::new(seed)).next_process();
            let file = disk.open("a", Open::Fresh).unwrap();
            file.write_at(b"synced", 0).unwrap();
            file.sync_data().unwrap();
            disk.sync_dir().unwrap();
            file.write_at(b"loose", 6).unwrap();
            disk.cut_power();
            let left = content(&disk.next_process(), "a");
            assert!(b"syncedloose".starts_with(&left[..]) && left.len() >= 6, "{left:?}");
            torn += usize::from((7..11).contains(&left.len()));
        }
        assert!(torn > 0, "some write is torn");
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_gone_after_a_power_cut() {
        let mut outcomes = [0, 0];
        for seed in 0..100 {
            let disk = SimDisk::new(Rng::new(seed)).next_process();
            disk.open("a", Open::Fresh).unwrap();
            disk.cut_power();
            outcomes[disk.next_process().list().unwrap().len()] += 1;
        }
        assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
    }
}
