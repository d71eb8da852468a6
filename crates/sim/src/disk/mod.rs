//! What is left on a disk after a process was killed or the power was cut, and how a disk fails.
//!
//! A killed process loses nothing that it wrote. A power cut keeps what was synced and, of the rest, a prefix of the
//! writes with the last one torn, or any subset of them; the same holds for names. A failed sync may have written a part,
//! and the system takes the rest for clean: no later sync writes it.

mod file;
mod platters;
mod rot;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_log::{Disk, DiskFile, DiskLock, Open};

pub(crate) use platters::FLIPPED;
pub(crate) use rot::{Struck, batches_start, struck};

use crate::rng::Rng;
use file::SimFile;
use platters::{Change, FileState, NameChange, Platters};

/// A disk of the simulated machine. Clones share it.
#[derive(Clone, Debug)]
pub struct SimDisk {
    platters: Arc<Mutex<Platters>>,
    /// The process that holds this handle; a dead one can do nothing any more.
    process: u64,
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
            fails_in: None,
            failed_starts: 0,
            failed: 0,
            kept_whole: None,
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

    /// With some bytes left, files grow only by these and by what others have shrunk; beyond it is `StorageFull`.
    pub fn set_room(&self, room: Option<u64>) {
        self.lock_platters().room = room.map(|room| usize::try_from(room).unwrap_or(usize::MAX));
    }

    /// How often, since this was last asked, there was no room for the start of a segment.
    #[must_use]
    pub fn take_failed_starts(&self) -> u64 {
        std::mem::take(&mut self.lock_platters().failed_starts)
    }

    /// The sync behind the next `syncs` fails, and so many in all.
    pub fn fail_sync(&self, syncs: u64, times: u64) {
        self.lock_platters().fails_in = (times > 0).then_some((syncs, times));
    }

    /// No sync fails any more.
    pub fn sync_again(&self) {
        self.lock_platters().fails_in = None;
    }

    /// How many syncs have failed so far.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.lock_platters().failed
    }

    /// The names and sizes of all files, and what they hold.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let platters = self.lock_platters();
        let content = |file: &u64| platters.files.get(file).map(|state| state.content.clone());
        let named = platters.names.iter();
        named.filter_map(|(name, file)| Some((name.clone(), content(file)?))).collect()
    }

    /// One bit of the byte at `at` of a file is another one from now on, synced or not.
    pub(crate) fn flip(&self, name: &str, at: usize) {
        let mut platters = self.lock_platters();
        if let Some(file) = platters.names.get(name).copied()
            && let Some(state) = platters.files.get_mut(&file)
        {
            state.flip(at);
        }
    }

    /// Whether a power cut leaves the first `size` bytes of this file as processes see them.
    pub(crate) fn is_durable(&self, name: &str, size: usize) -> bool {
        let platters = self.lock_platters();
        let file = platters.names.get(name).filter(|file| platters.durable_names.get(name) == Some(file));
        file.and_then(|file| platters.files.get(file)).is_some_and(|state| state.is_durable(size))
    }

    /// A power cut leaves this file as processes see it: what it would say about others is damaged there already, and
    /// no log can tell two losses from none.
    pub(crate) fn keep_whole(&self, name: Option<&str>) {
        self.lock_platters().kept_whole = name.map(str::to_owned);
    }

    /// Puts a file there, synced.
    pub(crate) fn put(&self, name: &str, content: Vec<u8>) {
        let mut platters = self.lock_platters();
        platters.next_file += 1;
        let file = platters.next_file;
        let mut state = FileState::default();
        state.change(Change::Write { offset: 0, bytes: content });
        platters.files.insert(file, state);
        platters.names.insert(name.to_owned(), file);
        platters.durable_names.insert(name.to_owned(), file);
        let synced = platters.sync_file(file);
        debug_assert!(synced.is_ok(), "a disk that nobody uses yet does not fail");
    }

    /// The power goes: what was not synced is lost in whole or in part.
    pub fn cut_power(&self) {
        self.lock_platters().cut_power();
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
                    state.change(Change::Truncate { size: 0 });
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
        self.alive()?.sync_names()
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

#[derive(Debug)]
struct HeldLock(SimDisk);

impl Drop for HeldLock {
    fn drop(&mut self) {
        if let Ok(mut platters) = self.0.alive() {
            platters.locked = false;
        }
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

    #[test]
    fn what_a_failed_sync_has_not_written_no_later_sync_writes() {
        let mut lost = 0;
        for seed in 0..50 {
            let disk = SimDisk::new(Rng::new(seed)).next_process();
            let file = disk.open("a", Open::Fresh).unwrap();
            disk.sync_dir().unwrap();
            disk.fail_sync(0, 1);
            file.write_at(b"written", 0).unwrap();
            assert!(file.sync_data().is_err());
            assert!(file.sync_data().is_ok(), "the system takes it for clean");
            assert_eq!(content(&disk, "a"), b"written", "processes still see it");
            disk.cut_power();
            lost += usize::from(content(&disk.next_process(), "a").is_empty());
        }
        assert!(lost > 5, "{lost} of 50");
    }

    #[test]
    fn a_flipped_byte_is_flipped_in_what_is_synced_and_in_what_is_not() {
        let disk = SimDisk::new(Rng::new(1)).next_process();
        let file = disk.open("a", Open::Fresh).unwrap();
        file.write_at(b"ab", 0).unwrap();
        disk.flip("a", 1);
        assert_eq!(content(&disk, "a"), [b'a', b'b' ^ 0x10]);
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        disk.flip("a", 0);
        disk.cut_power();
        assert_eq!(content(&disk.next_process(), "a"), [b'a' ^ 0x10, b'b' ^ 0x10]);
    }

    #[test]
    fn a_disk_with_little_room_takes_little() {
        let disk = SimDisk::new(Rng::new(1)).next_process();
        let file = disk.open("a", Open::Fresh).unwrap();
        disk.set_room(Some(4));
        file.write_at(b"abc", 0).unwrap();
        assert_eq!(file.write_at(b"defg", 3).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(content(&disk, "a").len() <= 4);
        file.truncate(0).unwrap();
        file.write_at(b"wxyz", 0).unwrap();
    }
}
