//! Who is doing what in which conversation, each status held as a lease.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use bowline_proto::{ACTIVITY_LEASE, Account, ActivityStatus, Time, Timestamp, Topic};

use crate::keys::AccountKey;

/// The same status again within this time prolongs the lease and is not sent on. Far below the client's own rhythm of 5 s, so
/// that no renewal is kept back which a receiver needs within its 8 s.
const RENEWAL_QUIET: Duration = Duration::from_secs(2);

/// The conversations in which somebody is active.
#[derive(Debug, Default)]
pub(crate) struct Activities {
    by_topic: HashMap<Topic, usize>,
    places: Vec<Option<Conversation>>,
    free: Vec<usize>,
}

/// One conversation; it has at least one lease.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Its on-demand topic.
    pub(crate) topic: Topic,
    /// The time of its entry in the timers.
    pub(crate) armed: Time,
    leases: Vec<Lease>,
}

/// One account's status.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) account: Account,
    pub(crate) status: ActivityStatus,
    pub(crate) said: Timestamp,
    ends: Time,
    sent_on: Time,
    /// The account, when its sockets are on this shard.
    pub(crate) home: Option<AccountKey>,
}

impl Lease {
    /// It was not renewed in time.
    pub(crate) fn has_lapsed(&self, now: Time) -> bool {
        self.ends <= now
    }
}

/// What a statement changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Followers hear of it.
    Heard,
    /// As `Heard`, and the account is active in one conversation more: this place.
    Began(usize),
    /// As `Heard`, and it is active in one conversation less: this place.
    Ended(usize),
    /// Nobody needs to hear of it.
    Quiet,
}

impl Activities {
    pub(crate) fn find(&self, topic: &Topic) -> Option<usize> {
        self.by_topic.get(topic).copied()
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut Conversation> {
        self.places.get_mut(place)?.as_mut()
    }

    /// Those who are active in a conversation.
    pub(crate) fn current(&self, topic: &Topic) -> &[Lease] {
        self.find(topic).and_then(|place| self.places[place].as_ref()).map_or(&[], |c| &c.leases)
    }

    /// An account says its status.
    pub(crate) fn say(
        &mut self,
        now: Time,
        topic: &Topic,
        account: &Account,
        status: ActivityStatus,
        said: Timestamp,
        home: Option<AccountKey>,
    ) -> Change {
        let place = self.find(topic);
        if !status.is_active() {
            let ended = place.and_then(|place| self.end(place, account).map(|_| place));
            return ended.map_or(Change::Quiet, Change::Ended);
        }
        let place = place.unwrap_or_else(|| self.insert(topic));
        let conversation = self.places[place].as_mut().expect("found or inserted");
        let ends = now + ACTIVITY_LEASE;
        let Some(lease) = conversation.leases.iter_mut().find(|lease| lease.account == *account) else {
            conversation.leases.push(Lease {
                account: account.clone(),
                status,
                said,
                ends,
                sent_on: now,
                home,
            });
            return Change::Began(place);
        };
        let is_news = lease.status != status || now.since(lease.sent_on) >= RENEWAL_QUIET;
        let sent_on = if is_news { now } else { lease.sent_on };
        *lease = Lease { account: account.clone(), status, said, ends, sent_on, home };
        if is_news { Change::Heard } else { Change::Quiet }
    }

    fn insert(&mut self, topic: &Topic) -> usize {
        let conversation = Conversation { topic: topic.clone(), armed: Time::MAX, leases: Vec::new() };
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(conversation);
        self.by_topic.insert(topic.clone(), place);
        place
    }

    /// Ends an account's lease in the conversation at `place`.
    pub(crate) fn end(&mut self, place: usize, account: &Account) -> Option<(Topic, Lease)> {
        let conversation = self.get_mut(place)?;
        let at = conversation.leases.iter().position(|lease| lease.account == *account)?;
        let ended = (conversation.topic.clone(), conversation.leases.remove(at));
        self.release(place);
        Some(ended)
    }

    /// Ends the leases of the conversation at `place` that were not renewed.
    pub(crate) fn expire(&mut self, now: Time, place: usize) -> Vec<Lease> {
        let Some(conversation) = self.get_mut(place) else { return Vec::new() };
        let (lapsed, held) = conversation.leases.drain(..).partition(|lease| lease.has_lapsed(now));
        conversation.leases = held;
        self.release(place);
        lapsed
    }

    fn release(&mut self, place: usize) {
        if let Some(over) = self.places[place].take_if(|conversation| conversation.leases.is_empty()) {
            self.by_topic.remove(&over.topic);
            self.free.push(place);
        }
    }

    /// When the next lease of a conversation ends.
    pub(crate) fn next_end(&self, place: usize) -> Option<Time> {
        self.places.get(place)?.as_ref()?.leases.iter().map(|lease| lease.ends).min()
    }
}

/// The conversation's id in its on-demand topic.
pub(crate) fn conversation_of(topic: &Topic) -> Arc<str> {
    topic.on_demand_conversation().unwrap_or_default().into()
}
