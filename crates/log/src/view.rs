//! What readers see of a segment store, and how they read it without waiting for the writer.

use std::collections::VecDeque;
use std::sync::Arc;

use bowline_proto::Seq;

use crate::disk::DiskFile;
use crate::epochs::Epochs;
use crate::grants::Grants;
use crate::index::{Found, Index};
use crate::reader::Span;
use crate::sealed::Sealed;
use crate::topics::Topics;

/// The state that the writer changes and readers look at, each for a moment. Grants, topics and the open index hold
/// appended records too: `head` is what separates the committed ones.
#[derive(Debug)]
pub(crate) struct View {
    /// The last committed position.
    pub(crate) head: Seq,
    /// The first retained position.
    pub(crate) oldest: Seq,
    pub(crate) epochs: Epochs,
    pub(crate) topics: Topics,
    pub(crate) grants: Grants,
    /// Oldest first.
    pub(crate) sealed: VecDeque<Sealed>,
    pub(crate) open: OpenView,
}

/// The segment that is written.
#[derive(Debug)]
pub(crate) struct OpenView {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) index: Index,
    /// Bytes in its file.
    pub(crate) bytes: u64,
}

/// Where the next events after a position are.
#[derive(Debug)]
pub(crate) enum Next {
    /// In a sealed segment, and the segment whose snapshot tells what the topics' heads were at its end.
    Sealed(Sealed, u64),
    /// These, in the open segment.
    Open(Arc<dyn DiskFile>, Vec<Found>),
}

impl View {
    /// Where the events of `spans` after `at` are; of the open segment at most `max`.
    pub(crate) fn next(&self, spans: &[Span], at: Seq, max: usize) -> Next {
        let passed = self.sealed.partition_point(|sealed| sealed.last <= at);
        match self.sealed.get(passed) {
            Some(sealed) => {
                let behind = self.sealed.get(passed + 1).map_or(self.open.number, |next| next.number);
                Next::Sealed(sealed.clone(), behind)
            }
            None => Next::Open(Arc::clone(&self.open.file), self.open.index.find(spans, at, max)),
        }
    }

    pub(crate) fn oldest_number(&self) -> u64 {
        self.sealed.front().map_or(self.open.number, |sealed| sealed.number)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.open.bytes + self.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>()
    }
}
