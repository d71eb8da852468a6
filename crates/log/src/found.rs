//! What opening a store found.

use std::sync::Arc;

use bowline_proto::Timestamp;

use crate::disk::DiskFile;
use crate::index::Index;

/// What opening a store found, for a line in the operator's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The store had been closed in order, or is new.
    pub was_clean: bool,
    /// Why the epoch changed; `None` when it goes on (or starts with a new log).
    pub epoch_change: Option<EpochChange>,
    /// Bytes cut off that had never been acknowledged.
    pub dropped_bytes: u64,
    /// Files that keep damaged bytes aside.
    pub damaged: Vec<String>,
    /// Sealed segments that are not there or have no readable start: reading over them gives gaps.
    pub missing_segments: Vec<u64>,
}

/// Why readers of the old epoch may have lost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EpochChange {
    /// Records below the last commit are damaged, cut off or missing.
    AcknowledgedLost,
    /// The machine went down without `fsync` having been asked for.
    PowerCut,
    /// What had been committed can't be known: the state file is missing or damaged.
    StateUnknown,
}

/// The segment that is written.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) number: u64,
    pub(crate) made_at: Timestamp,
    /// When its last batch was written.
    pub(crate) written_at: Timestamp,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) index: Index,
    /// Where its batches start.
    pub(crate) start: u64,
    /// Where the next one goes.
    pub(crate) end: u64,
}
