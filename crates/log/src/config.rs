//! What an operator can choose about the log on disk.

use core::time::Duration;

/// When a commit counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// After `fdatasync`: outlives a power cut.
    #[default]
    Fsync,
    /// After `write`: outlives `kill -9`, not a power cut. After a power cut the epoch changes.
    Os,
}

/// Settings of a [`SegmentStore`](crate::SegmentStore).
#[derive(Clone, Debug)]
pub struct SegmentConfig {
    pub(crate) durability: Durability,
    pub(crate) segment_bytes: u64,
    pub(crate) retain_age: Option<Duration>,
    pub(crate) retain_bytes: Option<u64>,
    pub(crate) max_keys: usize,
    pub(crate) index_cache_bytes: usize,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        SegmentConfig {
            durability: Durability::Fsync,
            segment_bytes: 64 << 20,
            retain_age: Some(Duration::from_secs(7 * 24 * 3600)),
            retain_bytes: Some(8 << 30),
            max_keys: 100_000,
            index_cache_bytes: 64 << 20,
        }
    }
}

impl SegmentConfig {
    /// When a commit counts as durable. Default [`Durability::Fsync`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// A segment is sealed when it holds this many bytes of records. Default 64 MiB; at least 4 KiB. Larger segments
    /// make recovery slower (it reads the last one) and retention coarser; smaller ones make more files.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.clamp(4 << 10, 1 << 30);
        self
    }

    /// Segments whose last record is older than this are removed. Default 7 days; `None` keeps them for ever.
    #[must_use]
    pub fn retain_age(mut self, age: Option<Duration>) -> Self {
        self.retain_age = age;
        self
    }

    /// The oldest segments are removed while all of them together are larger than this, in bytes. Default 8 GiB;
    /// `None` sets no bound. The open segment always stays.
    #[must_use]
    pub fn retain_bytes(mut self, bytes: Option<u64>) -> Self {
        self.retain_bytes = bytes;
        self
    }

    /// At most this many idempotency keys are remembered; above it the oldest is forgotten before its 24 h are over.
    /// Default 100,000. More costs about 250 bytes of memory each, and their bytes once more in every new segment.
    #[must_use]
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Bytes of sealed segments' indexes kept in memory. Default 64 MiB; the one in use is always kept. Less makes
    /// readers that are far behind read index files more often.
    #[must_use]
    pub fn index_cache_bytes(mut self, bytes: usize) -> Self {
        self.index_cache_bytes = bytes;
        self
    }
}
