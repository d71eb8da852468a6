//! The history that everybody of a stand writes into: whoever asks the gateway for something, and whoever listens.

use std::sync::{Arc, Mutex, MutexGuard};

use bowline_history::{Attempt, History, Moment, PublishName};
use bowline_proto::Seq;

/// A shared history. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<History>>);

impl Book {
    fn open(&self) -> MutexGuard<'_, History> {
        self.0.lock().expect("nobody panics with the book")
    }

    /// Now, in the order of asking and being answered.
    pub(crate) fn moment(&self) -> Moment {
        self.open().moment()
    }

    /// Something is about to be asked for, for the first time.
    pub(crate) fn attempt(&self, name: PublishName, entries: Vec<Attempt>) {
        self.open().attempt(name, entries);
    }

    /// The gateway has answered.
    pub(crate) fn answered(&self, name: PublishName, seqs: &[Seq]) {
        self.open().answered(name, seqs);
    }

    /// The last seq that `name` was answered with.
    pub(crate) fn last_answer(&self, name: PublishName) -> Option<Seq> {
        self.open().publishes.get(&name)?.answers.last()?.last().copied()
    }

    /// A name for the next thing that `publisher` asks for.
    pub(crate) fn next_name(&self, publisher: usize) -> PublishName {
        let book = self.open();
        let last = book.publishes.range((publisher, 0)..=(publisher, u64::MAX)).next_back();
        (publisher, last.map_or(0, |((_, number), _)| number + 1))
    }

    /// Events that were answered, and those that nobody was told about.
    pub(crate) fn events(&self) -> (usize, usize) {
        let book = self.open();
        let count = |is_answered: bool| {
            let publishes =
                book.publishes.values().filter(|publish| publish.settled.is_some() == is_answered);
            let parts = publishes.flat_map(|publish| &publish.entries);
            parts.filter(|part| matches!(part, Attempt::Event { .. })).count()
        };
        (count(true), count(false))
    }

    /// The history as it is now; the book is empty afterwards.
    pub(crate) fn close(&self) -> History {
        std::mem::take(&mut *self.open())
    }
}
