//! What the store asks of a disk: the seam where a simulator tears, flips, fills up and fails.
//!
//! One flat directory of files. The store's own promises rest on these and nothing else: what was written is read
//! back by the same boot of the machine; what was written before a successful [`DiskFile::sync_data`] outlives a power
//! cut; a name made, renamed or removed outlives a power cut after a successful [`Disk::sync_dir`]. Everything not
//! synced may be lost, in part or whole, when the power goes, and only then: a store that is opened again with the
//! same [`BootId`](crate::BootId) counts on finding everything that it wrote.

use core::any::Any;
use core::fmt;
use std::io;
use std::sync::Arc;

use crate::store::StoreError;

/// A directory of the log.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] for [`Open::Existing`] without such a file; `StorageFull`; whatever the system says.
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn DiskFile>>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// Whatever the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Removes a file. Handles that are open keep reading it.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]; whatever the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name, replacing a file that has it.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]; whatever the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes names durable.
    ///
    /// # Errors
    /// Whatever the system says. The store treats it as fatal.
    fn sync_dir(&self) -> io::Result<()>;

    /// Takes the exclusive lock `name`, at once or not at all: `None` when somebody else holds it. The end of the
    /// process frees it, however it ends.
    ///
    /// # Errors
    /// Whatever the system says.
    fn lock(&self, name: &str) -> io::Result<Option<DiskLock>>;

    /// How people are told of the file `name`.
    fn describe(&self, name: &str) -> String;
}

/// A file of a [`Disk`]. All calls take positions, so that readers and the writer share a handle.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Its size in bytes.
    ///
    /// # Errors
    /// Whatever the system says.
    fn size(&self) -> io::Result<u64>;

    /// Fills `into` from `offset` on; returns how many bytes there were. Fewer than asked only at the file's end.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, growing the file as needed.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`], or whatever the system says. A part of the bytes may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file (or grows it with zeros) to `size` bytes.
    ///
    /// # Errors
    /// Whatever the system says.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes content and size durable.
    ///
    /// # Errors
    /// Whatever the system says. What was not durable before is in an unknown state then.
    fn sync_data(&self) -> io::Result<()>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// It has to be there.
    Existing,
    /// It is made, or emptied when it is there.
    Fresh,
}

/// A lock that is let go when dropped.
pub struct DiskLock(#[expect(dead_code, reason = "held for its drop")] Box<dyn Any + Send + Sync>);

impl DiskLock {
    /// Whatever frees the lock by being dropped.
    pub fn new(held: impl Any + Send + Sync) -> Self {
        DiskLock(Box::new(held))
    }
}

impl fmt::Debug for DiskLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskLock")
    }
}

/// What a caller is told when `name` cannot be used.
pub(crate) fn unusable(disk: &dyn Disk, name: &str, source: io::Error) -> StoreError {
    StoreError::Unusable { path: disk.describe(name), source }
}

/// What a failed change of the disk means for the log.
pub(crate) fn full_or_failed(error: io::Error) -> StoreError {
    if is_full(&error) || is_shortage(&error) { StoreError::Full } else { StoreError::Failed(error) }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The process or the machine has no descriptor left, which says nothing about the device: `EMFILE`, `ENFILE`, the same
/// numbers on every Unix.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23))
}
