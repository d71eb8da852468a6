//! What is written down while a run goes on: what was asked of the gateway, what it answered, what each application was
//! handed.
//!
//! How a host writes one:
//!
//! 1. Before a publish is sent for the first time: [`History::attempt`]. Every payload of a topic is another one
//!    (a number in it will do), and every publish has an idempotency key, because a retry without one may lie in the log twice.
//! 2. Whenever an answer is there, to any retry: [`History::answered`]. A publish without one is unknown: it lies in the log
//!    once or not at all.
//! 3. One [`Reader`] for each application that listens. Whatever it takes goes into [`Reader::items`], in the order in
//!    which it takes it: a [`Seen`] each. When its process saves its state: [`Reader::save`]; when it starts again:
//!    [`Reader::restart`].
//! 4. The [`Truth`]: what the log really held.
//! 5. At the end, with nothing under way: [`check`](crate::check).

use std::collections::BTreeMap;

use bowline_proto::{Account, Cursor, Epoch, GapReason, GrantScope, Seq, Time, Topic};

use crate::digest::Digest;
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

/// The host's order of asking and being answered: a step later is really later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// Which publish: the publisher's number, and its own number of the publish.
pub type PublishName = (usize, u64);

/// One part of a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// An event, by the digest of its payload's bytes as they stand in the frame.
    Event {
        /// Its topic.
        topic: Topic,
        /// Its payload.
        payload: Digest,
    },
    /// From here on `account` has a right to `topic`.
    Grant {
        /// Whose right.
        account: Account,
        /// To what.
        topic: Topic,
    },
    /// From here on it has none.
    Revoke {
        /// Whose right.
        account: Account,
        /// To what.
        topic: Topic,
    },
}

/// One request of a publisher, with all its retries: all of it is logged, or nothing.
#[derive(Clone, Debug)]
pub struct Publish {
    /// What was asked for.
    pub entries: Vec<Attempt>,
    /// Where the gateway said that they lie, by answer. Empty: unknown.
    pub answers: Vec<Vec<Seq>>,
    /// Before it was sent for the first time.
    pub began: Moment,
    /// When the first answer was there.
    pub settled: Option<Moment>,
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
        /// What is published after this moment must lie behind `seq`. [`History::moment`] when it is written down.
        moment: Moment,
    },
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
        text: Digest,
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
        /// The oldest retained position when it was told; [`Seq::ZERO`] where retention has removed nothing.
        oldest: Seq,
    },
    /// The position that the application would save now moved without an event.
    Moved {
        /// There.
        cursor: Cursor,
    },
    /// The process saved its state and its position together.
    Saved {
        /// The position, `None` where it has none, or the host does not know it.
        cursor: Option<Cursor>,
    },
    /// The process started again from what it had saved: what came after that never happened to it.
    Restarted {
        /// The position that it goes on from, `None` where it has none, or the host does not know it.
        from: Option<Cursor>,
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
    /// What it was handed and told, everything, also what it forgot with its process.
    pub items: Vec<Seen>,
    /// Whether everything must have reached it by the end of the run.
    pub must_be_caught_up: bool,
}

impl Reader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new(account: Account, granted: GrantScope, open: Vec<Topic>) -> Self {
        Reader { account, granted, open, asked: Vec::new(), items: Vec::new(), must_be_caught_up: true }
    }

    /// The process has saved its state and its position together.
    pub fn save(&mut self, cursor: Option<Cursor>) {
        self.items.push(Seen::Saved { cursor });
    }

    /// The process runs again, after a death of any kind, with what was saved last. A reader whose output is itself what it
    /// goes on from (a file that it appends to) has saved with every item.
    pub fn restart(&mut self, from: Option<Cursor>) {
        self.items.push(Seen::Restarted { from });
    }
}

/// The whole record.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The log's contents.
    pub truth: Truth,
    /// Every publish.
    pub publishes: BTreeMap<PublishName, Publish>,
    /// Every application.
    pub readers: Vec<Reader>,
    /// The oldest retained position now.
    pub oldest: Seq,
    /// Rules seen broken while the run went on.
    pub violations: Vec<Violation>,
    now: u64,
}

impl History {
    /// A host has seen `rule` broken while the run went on.
    pub fn violate(&mut self, at: Time, rule: &'static str, detail: String) {
        // The first ones tell the story; a broken world would fill memory with the rest.
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(Violation { at, rule, detail });
        }
    }

    /// Now, in the host's order.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment(self.now)
    }

    /// A publish is about to be sent for the first time.
    pub fn attempt(&mut self, name: PublishName, entries: Vec<Attempt>) {
        self.now += 1;
        let began = self.moment();
        self.publishes.insert(name, Publish { entries, answers: Vec::new(), began, settled: None });
    }

    /// The gateway answered a publish: the position of each entry.
    pub fn answered(&mut self, name: PublishName, seqs: &[Seq]) {
        self.now += 1;
        let moment = self.moment();
        let known = self.publishes.entry(name).or_insert_with(|| Publish {
            // An answer to what was never asked: the checker finds it.
            entries: Vec::new(),
            answers: Vec::new(),
            began: moment,
            settled: None,
        });
        known.settled.get_or_insert(moment);
        // The same answer again says nothing new.
        if known.answers.last().is_none_or(|last| last.as_slice() != seqs) {
            known.answers.push(seqs.to_vec());
        }
    }
}

const MOST_VIOLATIONS: usize = 200;
