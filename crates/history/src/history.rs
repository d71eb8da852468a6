//! What is written down while a world runs: publishes, the log's contents, what each application was handed.

use std::collections::BTreeMap;

use bowline_proto::{Account, Epoch, GapReason, GrantScope, Seq, Time, Topic};
use bytes::Bytes;

use crate::truth::Truth;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it was noticed.
    pub at: Time,
    /// Which rule.
    pub rule: &'static str,
    /// What happened.
    pub detail: String,
}

/// One request of a publisher.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Topic and payload of each event; empty for a grant or a revocation.
    pub events: Vec<(Topic, Bytes)>,
    /// Where the gateway said that they lie. `None`: unknown.
    pub acked: Option<Vec<Seq>>,
}

/// What an application was handed or told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The first link of a reader without a position: from here on everything is its.
    Based {
        /// The log.
        epoch: Epoch,
        /// Everything after it.
        seq: Seq,
        /// It asked for everything from the oldest retained event on, and what that is may have moved on until `seq`.
        from_oldest: bool,
    },
    /// The process started again from what it had saved. A gap that it had been told, but whose end its saved position had
    /// not reached, may be told once more.
    Restarted,
    /// A topic that the reader asked for is delivered from behind `seq` on.
    Followed {
        /// The log.
        epoch: Epoch,
        /// The topic, one of [`Reader::asked`].
        topic: Topic,
        /// Everything after it.
        seq: Seq,
    },
    /// The reader wants no more of a topic that it asked for: what still comes of it is right, what does not is no loss.
    Left {
        /// The topic, one of [`Reader::asked`].
        topic: Topic,
    },
    /// A link was accepted by a gateway over this log.
    Accepted {
        /// The log.
        epoch: Epoch,
    },
    /// An event.
    Event {
        /// The log that its position belongs to.
        epoch: Epoch,
        /// Its topic.
        topic: Topic,
        /// Its position.
        seq: Seq,
        /// The whole frame.
        text: Bytes,
    },
    /// A gap.
    Gap {
        /// The topic.
        topic: Topic,
        /// The last position before it.
        after: Seq,
        /// The first position behind it.
        before: Seq,
        /// Why.
        reason: GapReason,
        /// The oldest retained position when it was told.
        oldest: Seq,
    },
}

/// One application that listens, across the deaths of its process.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Who.
    pub account: Account,
    /// Which grants make its topics.
    pub granted: GrantScope,
    /// Topics that it hears without a grant.
    pub open: Vec<Topic>,
    /// Topics that it may ask for without a grant, and hears only while it does.
    pub asked: Vec<Topic>,
    /// What it was handed, as far as it survived the deaths of its process.
    pub items: Vec<Seen>,
    /// Whether everything must have reached it by the end of the run.
    pub must_be_caught_up: bool,
    saved: usize,
}

impl Reader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new(account: Account, granted: GrantScope, open: Vec<Topic>) -> Self {
        Reader {
            account,
            granted,
            open,
            asked: Vec::new(),
            items: Vec::new(),
            must_be_caught_up: true,
            saved: 0,
        }
    }

    /// The process has saved its state and position together.
    pub fn save(&mut self) {
        self.saved = self.items.len();
    }

    /// The process was killed: what it had not saved never happened to it.
    pub fn forget_unsaved(&mut self) {
        self.items.truncate(self.saved);
    }
}

/// The whole record.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The log's contents.
    pub truth: Truth,
    /// Every publish by publisher and number.
    pub publishes: BTreeMap<(usize, u64), Publish>,
    /// Every application.
    pub readers: Vec<Reader>,
    /// The oldest retained position now.
    pub oldest: Seq,
    /// Rules seen broken while the world ran.
    pub violations: Vec<Violation>,
}

impl History {
    /// A host has seen `rule` broken while the run went on.
    pub fn violate(&mut self, at: Time, rule: &'static str, detail: String) {
        // The first ones tell the story; a broken world would fill memory with the rest.
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(Violation { at, rule, detail });
        }
    }

    /// The gateway answered a publish.
    ///
    /// # Errors
    /// The same publish was answered before with other positions.
    pub fn acknowledged(&mut self, publisher: usize, publish: u64, seqs: &[Seq]) -> Result<(), String> {
        let Some(known) = self.publishes.get_mut(&(publisher, publish)) else {
            return Err(format!("an answer to p{publisher}-{publish}, which was never published"));
        };
        match &known.acked {
            Some(before) if before.as_slice() != seqs => {
                Err(format!("p{publisher}-{publish} was answered with {before:?} and then with {seqs:?}"))
            }
            _ => {
                known.acked = Some(seqs.to_vec());
                Ok(())
            }
        }
    }
}

const MOST_VIOLATIONS: usize = 200;
