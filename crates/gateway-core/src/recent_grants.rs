//! The last grants and revocations that passed in the tail.
//!
//! A socket's `Hello` states the account's grants as of some head of the log. When the tail has moved on before the
//! `Hello` arrived, what came in between is found here; what lies further back is read from the log.

use std::collections::VecDeque;

use bowline_proto::{Account, Seq, Topic};

/// How many are kept: far more than pass while a socket opens.
const KEPT: usize = 4_096;

/// One change of an account's rights.
#[derive(Clone, Debug)]
pub(crate) struct GrantChange {
    pub(crate) seq: Seq,
    pub(crate) account: Account,
    pub(crate) topic: Topic,
    pub(crate) step: GrantStep,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantStep {
    Granted,
    Revoked,
}

/// All changes behind a floor.
#[derive(Debug)]
pub(crate) struct RecentGrants {
    /// Every change with a greater seq is here.
    floor: Seq,
    changes: VecDeque<GrantChange>,
}

impl RecentGrants {
    pub(crate) fn behind(head: Seq) -> Self {
        RecentGrants { floor: head, changes: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, change: GrantChange) {
        if self.changes.len() == KEPT
            && let Some(oldest) = self.changes.pop_front()
        {
            self.floor = oldest.seq;
        }
        self.changes.push_back(change);
    }

    /// The changes of all accounts behind `seq`, or `None` where that is too far back.
    pub(crate) fn after(&self, seq: Seq) -> Option<impl Iterator<Item = &GrantChange>> {
        let first = self.changes.partition_point(|change| change.seq <= seq);
        (seq >= self.floor).then(|| self.changes.range(first..))
    }
}
