//! A file of the simulated disk, as one process has it open.

use std::io;

use bowline_log::DiskFile;

use super::platters::Change;
use super::{SimDisk, died};

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) file: u64,
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
                // A full device takes a part, or nothing.
                if let Change::Write { offset, bytes } = change
                    && offset == before
                {
                    let part = bytes[..platters.rng.index((*room).min(bytes.len()) + 1)].to_vec();
                    *room -= part.len();
                    state.change(Change::Write { offset, bytes: part });
                }
                return Err(io::ErrorKind::StorageFull.into());
            };
            *room = left;
        }
        state.change(change);
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
        self.disk.alive()?.sync_file(self.file)
    }
}
