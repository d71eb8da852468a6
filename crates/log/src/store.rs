//! What a store of the log must do. One conformance suite holds every implementation to it.

use std::sync::Arc;

use bowline_proto::{Account, Epoch, Page, Query, Record, Seq, Timestamp, Topic};
use bytes::Bytes;

/// An event before it has a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its topic; never an on-demand one.
    pub topic: Topic,
    /// Its type, such as `message.new`.
    pub kind: Arc<str>,
    /// Its payload: valid JSON text.
    pub payload: Bytes,
    /// When it happened.
    pub timestamp: Timestamp,
}

/// What can be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An event.
    Event(NewEvent),
    /// Gives a right. Granting what is granted changes nothing and takes no place (its seq is the head's).
    Grant {
        /// To whom.
        account: Account,
        /// To what.
        topic: Topic,
    },
    /// Takes a right. Revoking what is not granted changes nothing.
    Revoke {
        /// From whom.
        account: Account,
        /// To what.
        topic: Topic,
    },
}

/// Entries that are appended all or not at all, also across a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What to append; not empty.
    pub entries: Vec<Entry>,
    /// Makes a repetition harmless.
    pub key: Option<IdempotencyKey>,
}

/// The same key and body within 24 h are appended once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Keys of different accounts never meet.
    pub account: Account,
    /// 1 to 255 bytes.
    pub key: String,
    /// SHA-256 of the request body.
    pub body: [u8; 32],
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It has places now, one per entry.
    New {
        /// In the order of the entries.
        seqs: Vec<Seq>,
    },
    /// It had been appended before under the same key: the same places.
    Repeated {
        /// In the order of the entries.
        seqs: Vec<Seq>,
    },
    /// The key has been used with another body. Nothing was appended.
    KeyReused,
}

/// Where the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its identity.
    pub epoch: Epoch,
    /// The last committed record.
    pub head: Seq,
    /// The oldest retained record; `head` + 1 when there is none.
    pub oldest: Seq,
    /// Bytes on disk (or in memory).
    pub bytes: u64,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room on the device, or no descriptor left for a further file. Nothing was appended; reading goes on; a later
    /// append may succeed.
    #[error("no room for the log: free space on its device, or raise the limit of open files (ulimit -n)")]
    Full,
    /// The device failed in a way that leaves the state on it unknown (a failed fsync among them). The store must be
    /// reopened, which recovers; nothing is retried.
    #[error("the log's device failed: {0}")]
    Failed(#[source] std::io::Error),
    /// Another process has the directory.
    #[error("{path} is in use by another gateway (its lock file is held); stop that one first")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// The directory can't be used.
    #[error("can't use {path}: {source}")]
    Unusable {
        /// The path.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file that is not ours, or of a later version.
    #[error("{path} is not a log of this version: {why}")]
    Foreign {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A durable, totally ordered log. `append`, `commit`, `retain` and `close` are called by one thread only; the rest by any.
pub trait LogStore: Send + Sync + core::fmt::Debug {
    /// Gives places and writes, without waiting for the device. Not visible to readers before `commit`. The outcome
    /// of each batch stands at its index. A batch whose entries all change nothing is `New` at the head's seq.
    ///
    /// # Errors
    /// After [`StoreError::Full`] nothing of this call was appended. After [`StoreError::Failed`] the store is unusable.
    fn append(&self, batches: &[Batch], now: Timestamp) -> Result<Vec<Appended>, StoreError>;

    /// Makes everything appended durable (as far as the store promises) and visible; returns it in order.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: the store is unusable.
    fn commit(&self) -> Result<Arc<[Record]>, StoreError>;

    /// What a reader missed.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when a file is there and cannot be opened or read now, which says nothing about later reads
    /// and appends; a damaged record is no error but a gap with reason `storage`.
    fn read(&self, query: &Query) -> Result<Page, StoreError>;

    /// The account's topics, and the head that this is true at.
    fn grants(&self, account: &Account) -> (Vec<Topic>, Seq);

    /// Where the log stands.
    fn status(&self) -> Status;

    /// Removes what retention no longer covers; returns the oldest retained seq.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn retain(&self, now: Timestamp) -> Result<Seq, StoreError>;

    /// Commits, takes no more appends, leaves the store in order and lets others have it. Reading goes on. A store
    /// that has failed only lets go.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn close(&self) -> Result<(), StoreError>;
}
