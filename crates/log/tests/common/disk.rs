//! A disk in memory that forgets what was not synced, fills up, fails, and can be edited behind the store's back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bowline_log::{Disk, DiskFile, DiskLock, Open};

/// Cheap to clone: the clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What a process sees.
    names: BTreeMap<String, Arc<Mutex<Content>>>,
    /// What a power cut leaves.
    durable: BTreeMap<String, Arc<Mutex<Content>>>,
    locks: BTreeMap<String, Arc<AtomicBool>>,
    /// Bytes that may still be written, when there is a limit.
    room: Option<usize>,
    /// Names that were removed, not renamed, since the directory was synced.
    removed: BTreeSet<String>,
    /// Syncs that still succeed, and how many fail then.
    failing_syncs: Option<(usize, usize)>,
    /// Syncs so far.
    syncs: usize,
    /// Changes that still happen before the process dies; every later call fails.
    steps: Option<usize>,
    is_dead: bool,
    /// No file can be opened for want of descriptors.
    has_no_descriptors: bool,
    /// Changes so far.
    changes: usize,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync, in order.
    writes: Vec<(u64, Vec<u8>)>,
}

#[derive(Debug)]
struct TestFile {
    disk: TestDisk,
    content: Arc<Mutex<Content>>,
}

#[derive(Debug)]
struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl TestDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.state().names[name].lock().unwrap().bytes.clone()
    }

    /// Replaces a file's content as if it had always been so.
    pub(crate) fn set(&self, name: &str, bytes: Vec<u8>) {
        let content = Content { durable: bytes.clone(), bytes, writes: Vec::new() };
        let content = Arc::new(Mutex::new(content));
        let mut state = self.state();
        state.names.insert(name.into(), Arc::clone(&content));
        state.durable.insert(name.into(), content);
    }

    pub(crate) fn delete(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(name).unwrap();
        state.durable.remove(name);
    }

    pub(crate) fn set_room(&self, room: Option<usize>) {
        self.state().room = room;
    }

    pub(crate) fn fail_syncs(&self, count: usize) {
        self.fail_syncs_after(0, count);
    }

    /// So many syncs succeed, and `count` fail then.
    pub(crate) fn fail_syncs_after(&self, succeed: usize, count: usize) {
        self.state().failing_syncs = Some((succeed, count));
    }

    pub(crate) fn syncs(&self) -> usize {
        self.state().syncs
    }

    /// Whether the process has used up its descriptors: those that it has go on.
    pub(crate) fn starve_of_descriptors(&self, is_starved: bool) {
        self.state().has_no_descriptors = is_starved;
    }

    /// The process dies after this many further changes.
    pub(crate) fn die_after(&self, steps: Option<usize>) {
        self.state().steps = steps;
    }

    pub(crate) fn changes(&self) -> usize {
        self.state().changes
    }

    /// An independent copy, as a process finds it that starts now: locks are free.
    pub(crate) fn copy(&self) -> TestDisk {
        let state = self.state();
        let names: BTreeMap<_, _> = state
            .names
            .iter()
            .map(|(name, content)| (name.clone(), Arc::new(Mutex::new(content.lock().unwrap().clone()))))
            .collect();
        let durable = state.durable.iter().map(|(name, content)| {
            let same = state.names.iter().find(|(_, other)| Arc::ptr_eq(content, other));
            let same = same.map(|(name, _)| Arc::clone(&names[name]));
            let gone = || Arc::new(Mutex::new(content.lock().unwrap().clone()));
            (name.clone(), same.unwrap_or_else(gone))
        });
        let durable = durable.collect();
        let removed = state.removed.clone();
        TestDisk(Arc::new(Mutex::new(State { durable, names, removed, ..State::default() })))
    }

    /// What is left after a power cut: of each file's writes since its last sync the first `kept`, and of the one after
    /// them the first half; names as of the last directory sync.
    pub(crate) fn after_power_cut(&self, kept: usize) -> TestDisk {
        self.after_power_cut_with(kept, Names::Synced)
    }

    pub(crate) fn after_power_cut_with(&self, kept: usize, names: Names) -> TestDisk {
        let state = self.state();
        let mut left = state.durable.clone();
        if matches!(names, Names::Removals | Names::All) {
            left.retain(|name, _| !state.removed.contains(name));
        }
        if matches!(names, Names::Additions | Names::All) {
            left.extend(state.names.iter().map(|(name, content)| (name.clone(), Arc::clone(content))));
        }
        if matches!(names, Names::All) {
            left.retain(|name, _| state.names.contains_key(name));
        }
        let names = left.iter().map(|(name, content)| {
            let content = content.lock().unwrap();
            let mut bytes = content.durable.clone();
            for (at, (offset, written)) in content.writes.iter().enumerate() {
                let part = match at.cmp(&kept) {
                    std::cmp::Ordering::Less => &written[..],
                    std::cmp::Ordering::Equal => &written[..written.len() / 2],
                    std::cmp::Ordering::Greater => break,
                };
                place(&mut bytes, part, *offset);
            }
            let content = Content { durable: bytes.clone(), bytes, writes: Vec::new() };
            (name.clone(), Arc::new(Mutex::new(content)))
        });
        let names: BTreeMap<_, _> = names.collect();
        TestDisk(Arc::new(Mutex::new(State { durable: names.clone(), names, ..State::default() })))
    }
}

/// Which changes of names since the directory was synced a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// None.
    Synced,
    /// What was removed is gone; what was made is not there.
    Removals,
    /// What was made is there; what was removed as well.
    Additions,
    /// All.
    All,
}

impl Names {
    pub(crate) const EACH: [Names; 4] = [Names::Synced, Names::Removals, Names::Additions, Names::All];
}

impl State {
    /// Counts a sync; says whether it fails.
    fn fails_sync(&mut self) -> bool {
        self.syncs += 1;
        match &mut self.failing_syncs {
            None | Some((_, 0)) => false,
            Some((0, times)) => {
                *times -= 1;
                true
            }
            Some((succeed, _)) => {
                *succeed -= 1;
                false
            }
        }
    }

    /// Counts a change; refuses it once the process is dead.
    fn step(&mut self) -> io::Result<()> {
        self.changes += 1;
        match &mut self.steps {
            Some(0) => {
                self.is_dead = true;
                Err(io::Error::other("the process is dead"))
            }
            Some(steps) => {
                *steps -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn place(bytes: &mut Vec<u8>, written: &[u8], offset: u64) {
    let (start, end) = (offset as usize, offset as usize + written.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(written);
}

impl Disk for TestDisk {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        if state.has_no_descriptors {
            // EMFILE: too many open files.
            return Err(io::Error::from_raw_os_error(24));
        }
        let content = match how {
            Open::Existing => {
                Arc::clone(state.names.get(name).ok_or(io::Error::from(io::ErrorKind::NotFound))?)
            }
            Open::Fresh => {
                state.step()?;
                let content = Arc::new(Mutex::new(Content::default()));
                state.names.insert(name.into(), Arc::clone(&content));
                state.removed.remove(name);
                content
            }
        };
        Ok(Arc::new(TestFile { disk: self.clone(), content }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let content = state.names.remove(name).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        state.removed.insert(name.into());
        if let Some(room) = &mut state.room {
            *room += content.lock().unwrap().bytes.len();
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let content = state.names.remove(from).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        state.names.insert(to.into(), content);
        state.removed.remove(to);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.fails_sync() {
            return Err(io::Error::other("the device says no to its directory"));
        }
        state.durable = state.names.clone();
        state.removed.clear();
        Ok(())
    }

    fn lock(&self, name: &str) -> io::Result<Option<DiskLock>> {
        let held = Arc::clone(self.state().locks.entry(name.into()).or_default());
        Ok((!held.swap(true, Ordering::SeqCst)).then(|| DiskLock::new(Held(held))))
    }

    fn describe(&self, name: &str) -> String {
        format!("disk/{name}")
    }
}

impl DiskFile for TestFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().bytes.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.content.lock().unwrap();
        let rest = content.bytes.get(offset as usize..).unwrap_or_default();
        let filled = rest.len().min(into.len());
        into[..filled].copy_from_slice(&rest[..filled]);
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let mut content = self.content.lock().unwrap();
        let grows = (offset as usize + bytes.len()).saturating_sub(content.bytes.len());
        let was_dead = state.is_dead;
        if let Err(dead) = state.step() {
            if !was_dead {
                // The write during which the process dies gets half-way.
                let half = &bytes[..bytes.len() / 2];
                place(&mut content.bytes, half, offset);
                content.writes.push((offset, half.to_vec()));
            }
            return Err(dead);
        }
        if let Some(room) = &mut state.room {
            if grows > *room {
                let part = &bytes[..bytes.len().saturating_sub(grows - *room)];
                *room = 0;
                place(&mut content.bytes, part, offset);
                content.writes.push((offset, part.to_vec()));
                return Err(io::ErrorKind::StorageFull.into());
            }
            *room -= grows;
        }
        place(&mut content.bytes, bytes, offset);
        content.writes.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let mut content = self.content.lock().unwrap();
        state.step()?;
        if let Some(room) = &mut state.room {
            *room += content.bytes.len().saturating_sub(size as usize);
        }
        content.bytes.resize(size as usize, 0);
        // Metadata reaches the disk when it likes: here at once.
        content.durable.truncate(size as usize);
        content.writes.retain(|&(offset, _)| offset < size);
        for (offset, written) in &mut content.writes {
            written.truncate((size - *offset) as usize);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let mut content = self.content.lock().unwrap();
        state.step()?;
        if state.fails_sync() {
            // As Linux has it: the pages count as clean, and never reach the device.
            content.writes.clear();
            return Err(io::Error::other("the device says no"));
        }
        // What an earlier failed sync has not written counts as clean: only what was written since is.
        let writes = std::mem::take(&mut content.writes);
        for (offset, written) in writes {
            place(&mut content.durable, &written, offset);
        }
        Ok(())
    }
}
