//! What the store is told about the world when it opens: nothing in it reads a clock, a boot id or randomness itself.

use std::fs;
use std::sync::Arc;

use bowline_proto::{Epoch, Timestamp};

/// Which boot of which machine this is. The page cache outlives a process, but not a boot: with the same id, whatever
/// was written before is there, synced or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootId(Option<Arc<str>>);

impl BootId {
    /// The boot named `id`: any text, of which the first 64 bytes count.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let end = (0..=id.len().min(64)).rev().find(|&end| id.is_char_boundary(end)).unwrap_or(0);
        BootId(Some(id[..end].into()))
    }

    /// No known boot: never the same as another, not even as itself.
    #[must_use]
    pub const fn unknown() -> Self {
        BootId(None)
    }

    /// What the kernel says; unknown where it does not tell.
    #[must_use]
    pub fn of_this_machine() -> Self {
        match fs::read_to_string("/proc/sys/kernel/random/boot_id") {
            Ok(id) if !id.trim().is_empty() => BootId::new(id.trim()),
            Ok(_) | Err(_) => BootId::unknown(),
        }
    }

    /// Is it certain that both are the same boot?
    #[must_use]
    pub fn is_same_as(&self, other: &BootId) -> bool {
        self.0.is_some() && self.0 == other.0
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// The facts that a store is opened with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Which boot of the machine this is.
    pub boot: BootId,
    /// 64 random bits: the epoch of a new log, and of one that may have lost a suffix. Not used otherwise.
    pub fresh_epoch: Epoch,
    /// The wall clock.
    pub now: Timestamp,
}
