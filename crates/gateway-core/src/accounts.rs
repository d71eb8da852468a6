//! The accounts that have a socket or a session here, and which topics each has a right to.

use std::collections::{HashMap, VecDeque};

use bowline_proto::{Account, Record, Seq, Topic};
use smallvec::SmallVec;

use crate::keys::{AccountKey, SessionKey};
use crate::recent_grants::{GrantStep, RecentGrants};
use crate::vocabulary::{Hello, SocketKind};

/// One account.
#[derive(Debug)]
pub(crate) struct AccountEntry {
    pub(crate) name: Account,
    /// Slots of its sockets, in the order of opening.
    pub(crate) slots: SmallVec<[u32; 4]>,
    /// Sessions that have a socket, by socket kind: what the limits count, because two sockets of a session count once.
    occupied: [u32; 2],
    /// Sessions without a socket, the oldest first.
    pub(crate) idle: VecDeque<SessionKey>,
    /// Places of the conversations in which it is active by a frame of its own.
    pub(crate) activities: Vec<usize>,
    pub(crate) grants: Grants,
}

impl AccountEntry {
    pub(crate) fn occupied(&mut self, socket: SocketKind) -> &mut u32 {
        match socket {
            SocketKind::Account => &mut self.occupied[0],
            SocketKind::Path => &mut self.occupied[1],
        }
    }

    /// Nothing needs it any more.
    fn is_unused(&self) -> bool {
        self.slots.is_empty() && self.idle.is_empty()
    }
}

/// The topics granted to an account, and where in the log that is true.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// Sorted.
    topics: Vec<Topic>,
    /// True at this position.
    as_of: Seq,
    /// Changes have been applied as they passed in the tail, so that `topics` is also true at the shard's head.
    is_current: bool,
}

impl Grants {
    fn stated_by(hello: &mut Hello) -> Self {
        let mut topics = core::mem::take(&mut hello.grants);
        topics.sort_unstable();
        topics.dedup();
        Grants { topics, as_of: hello.as_of, is_current: false }
    }

    pub(crate) fn is_current(&self) -> bool {
        self.is_current
    }

    pub(crate) fn contains(&self, topic: &Topic) -> bool {
        self.topics.binary_search(topic).is_ok()
    }

    pub(crate) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The position that `topics` is true at.
    pub(crate) fn as_of(&self, head: Seq) -> Seq {
        if self.is_current { self.as_of.max(head) } else { self.as_of }
    }

    fn step(&mut self, topic: &Topic, step: GrantStep) {
        match (self.topics.binary_search(topic), step) {
            (Err(at), GrantStep::Granted) => self.topics.insert(at, topic.clone()),
            (Ok(at), GrantStep::Revoked) => drop(self.topics.remove(at)),
            (Ok(_), GrantStep::Granted) | (Err(_), GrantStep::Revoked) => {}
        }
    }

    /// A change passed in the tail.
    pub(crate) fn pass(&mut self, seq: Seq, topic: &Topic, step: GrantStep) {
        if self.is_current && seq > self.as_of {
            self.step(topic, step);
        }
    }

    /// The tail was skipped from `head` to `upto`.
    pub(crate) fn skip(&mut self, head: Seq, upto: Seq) {
        if self.is_current && self.as_of < upto {
            self.as_of = self.as_of.max(head);
            self.is_current = false;
        }
    }

    /// A reader of every grant of the account got a page from `from` to `upto`: it heals what a skipped tail left open.
    /// Nothing can be learned from a page that does not know every change behind `as_of`.
    pub(crate) fn learn(
        &mut self,
        from: Seq,
        rights_from: Seq,
        records: &[Record],
        upto: Seq,
        head: Seq,
    ) -> Result<(), RightsUnknown> {
        if self.is_current || from > self.as_of || upto <= self.as_of {
            return Ok(());
        }
        if rights_from > self.as_of {
            return Err(RightsUnknown);
        }
        for record in records.iter().filter(|record| record.seq() > self.as_of).cloned().collect::<Vec<_>>() {
            match record {
                Record::Granted { topic, .. } => self.step(&topic, GrantStep::Granted),
                Record::Revoked { topic, .. } => self.step(&topic, GrantStep::Revoked),
                Record::Event(_) => {}
            }
        }
        self.as_of = upto;
        self.is_current = upto >= head;
        Ok(())
    }

    /// Forgets everything: the log is another one.
    pub(crate) fn reset(&mut self) {
        *self = Grants::default();
    }
}

/// Retention has removed a change of rights that nobody here has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RightsUnknown;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    by_name: HashMap<Account, AccountKey>,
    entries: Vec<Option<AccountEntry>>,
    free: Vec<AccountKey>,
}

impl Accounts {
    /// Finds or makes the account of a new socket, and takes the grants that its `Hello` states where they are news.
    pub(crate) fn enter(&mut self, hello: &mut Hello, head: Seq, recent: &RecentGrants) -> AccountKey {
        let key = match self.by_name.get(&hello.account) {
            Some(key) => *key,
            None => self.insert(&hello.account),
        };
        let entry = self.entry(key);
        if entry.is_unused() || hello.as_of > entry.grants.as_of(head) || !entry.grants.is_current {
            let mut stated = Grants::stated_by(hello);
            if let Some(changes) = recent.after(stated.as_of) {
                for change in changes.filter(|change| change.account == hello.account) {
                    stated.step(&change.topic, change.step);
                }
                stated.is_current = true;
            }
            stated.is_current |= stated.as_of >= head;
            if stated.is_current || stated.as_of >= entry.grants.as_of {
                entry.grants = stated;
            }
        }
        key
    }

    fn insert(&mut self, name: &Account) -> AccountKey {
        let entry = AccountEntry {
            name: name.clone(),
            slots: SmallVec::new(),
            occupied: [0; 2],
            idle: VecDeque::new(),
            activities: Vec::new(),
            grants: Grants::default(),
        };
        let key = match self.free.pop() {
            Some(key) => key,
            None => {
                self.entries.push(None);
                AccountKey(
                    u32::try_from(self.entries.len() - 1).expect("a shard holds fewer than 2^32 accounts"),
                )
            }
        };
        self.entries[key.0 as usize] = Some(entry);
        self.by_name.insert(name.clone(), key);
        key
    }

    pub(crate) fn find(&self, name: &Account) -> Option<AccountKey> {
        self.by_name.get(name).copied()
    }

    /// The account behind a key that a socket or a session holds.
    pub(crate) fn entry(&mut self, key: AccountKey) -> &mut AccountEntry {
        self.entries[key.0 as usize]
            .as_mut()
            .expect("an account lives as long as a socket or a session of it")
    }

    /// Forgets the account when nothing needs it any more.
    pub(crate) fn release(&mut self, key: AccountKey) {
        let entry = &mut self.entries[key.0 as usize];
        if let Some(unused) = entry.take_if(|entry| entry.is_unused()) {
            self.by_name.remove(&unused.name);
            self.free.push(key);
        }
    }

    /// Every account's grants.
    pub(crate) fn all_grants(&mut self) -> impl Iterator<Item = &mut Grants> {
        self.entries.iter_mut().flatten().map(|entry| &mut entry.grants)
    }
}
