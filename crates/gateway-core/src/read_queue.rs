//! How many reads of the log are open at a time, and who is next.

use std::collections::VecDeque;

use crate::connections::{Awaiting, Phase};
use crate::vocabulary::ConnId;

/// The queue of the readers that wait for a turn. A socket stands in it at most once.
#[derive(Debug)]
pub(crate) struct ReadQueue {
    limit: usize,
    open: usize,
    waiting: VecDeque<ConnId>,
}

impl ReadQueue {
    pub(crate) fn at_most(limit: usize) -> Self {
        ReadQueue { limit, open: 0, waiting: VecDeque::new() }
    }

    /// Takes a turn when one is free.
    pub(crate) fn take_turn(&mut self) -> Option<()> {
        (self.open < self.limit).then(|| self.open += 1)
    }

    /// The turn is over: the answer came, or nobody wants it any more.
    pub(crate) fn end_turn(&mut self) {
        self.open -= 1;
    }

    pub(crate) fn wait(&mut self, conn: ConnId) {
        self.waiting.push_back(conn);
    }

    /// The next socket that may read, when a turn is free. It may be gone.
    pub(crate) fn next(&mut self) -> Option<ConnId> {
        if self.open < self.limit { self.waiting.pop_front() } else { None }
    }

    /// A socket is gone in this phase: the turn that it holds ends.
    pub(crate) fn forget(&mut self, phase: &Phase) -> Option<Awaiting> {
        let awaiting = match phase {
            Phase::AwaitFirstPage(resuming) => resuming.catch_up.awaiting,
            Phase::CatchingUp { catch_up, .. } => catch_up.awaiting,
            Phase::AwaitResume { .. } | Phase::Live { .. } => return None,
        };
        match awaiting {
            Awaiting::Page | Awaiting::StalePage => {
                self.end_turn();
                Some(awaiting)
            }
            Awaiting::Drained | Awaiting::Turn | Awaiting::Retry(_) => None,
        }
    }
}
