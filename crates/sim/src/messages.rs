//! Whether messages of the applications arrive as promised: each at most once, on one link in the order in which they were
//! sent, and none that was given back.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::event::{PeerNo, WireId};

/// What became of each message.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// By sender and number.
    fates: BTreeMap<(PeerNo, u64), Fate>,
    /// The last one that came on a link.
    last: BTreeMap<WireId, u64>,
    /// Senders with messages that are neither sent nor given back.
    waiting: BTreeMap<PeerNo, BTreeSet<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waiting,
    Sent,
    GivenBack,
    Arrived,
}

/// The text of a message.
pub(crate) fn text(number: u64) -> Bytes {
    format!("{PREFIX}{number}}}").into()
}

/// The number of a message, if the text is one.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let rest = text.strip_prefix(PREFIX.as_bytes())?.strip_suffix(b"}")?;
    core::str::from_utf8(rest).ok()?.parse().ok()
}

impl Messages {
    /// The core took a message.
    pub(crate) fn taken(&mut self, sender: PeerNo, number: u64) {
        self.fates.insert((sender, number), Fate::Waiting);
        self.waiting.entry(sender).or_default().insert(number);
    }

    /// The core refused a message that it was about to be given.
    pub(crate) fn refused(&mut self, sender: PeerNo, number: u64) {
        self.fates.remove(&(sender, number));
        self.settle(sender, number);
    }

    /// The core sends a message.
    pub(crate) fn sent(&mut self, sender: PeerNo, number: u64) -> Result<(), String> {
        self.settle(sender, number);
        match self.fates.insert((sender, number), Fate::Sent) {
            Some(Fate::Waiting) => Ok(()),
            before => Err(format!("client {sender} sends message {number}, which is {before:?}")),
        }
    }

    /// The core gives a message back.
    pub(crate) fn given_back(&mut self, sender: PeerNo, number: u64) -> Result<(), String> {
        self.settle(sender, number);
        match self.fates.insert((sender, number), Fate::GivenBack) {
            Some(Fate::Waiting) => Ok(()),
            before => Err(format!("client {sender} drops message {number}, which is {before:?}")),
        }
    }

    /// A message reaches the gateway.
    pub(crate) fn arrived(&mut self, sender: PeerNo, wire: WireId, number: u64) -> Result<(), String> {
        let before = self.fates.insert((sender, number), Fate::Arrived);
        if before != Some(Fate::Sent) {
            return Err(format!("message {number} of client {sender} arrives, which is {before:?}"));
        }
        let last = self.last.insert(wire, number);
        if last.is_some_and(|last| last > number) {
            return Err(format!("message {number} of client {sender} arrives behind {last:?} on {wire:?}"));
        }
        Ok(())
    }

    /// The sender's process is gone with what waited.
    pub(crate) fn forget(&mut self, sender: PeerNo) {
        for number in self.waiting.remove(&sender).unwrap_or_default() {
            self.fates.remove(&(sender, number));
        }
    }

    /// How many messages of a sender wait.
    pub(crate) fn waiting(&self, sender: PeerNo) -> usize {
        self.waiting.get(&sender).map_or(0, BTreeSet::len)
    }

    fn settle(&mut self, sender: PeerNo, number: u64) {
        if let Some(waiting) = self.waiting.get_mut(&sender) {
            waiting.remove(&number);
        }
    }
}

/// An action that no gateway knows: it ignores the frame.
const PREFIX: &str = "{\"action\":\"x-message\",\"number\":";
