//! Who had a right to which topic between which positions.

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Account, Seq, Topic};

use crate::codec::{Take, count, put_seq, put_text, put_u32};

/// At most this many ended rights are remembered for their losses once retention has passed them (about 100 bytes each).
const MAX_PAST_RIGHTS: usize = 100_000;

/// From a grant to its revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    /// The grant's position: events behind it are seen.
    pub(crate) from: Seq,
    /// The revocation's position: events behind it are not seen.
    pub(crate) to: Option<Seq>,
    /// Of an ended right: the last event between `from` and `to` that retention removed; zero: none.
    pub(crate) lost: Seq,
}

impl Right {
    fn is_open(&self) -> bool {
        self.to.is_none()
    }

    /// Holds the right at `position`: granted at or before it, not yet revoked.
    pub(crate) fn covers(&self, position: Seq) -> bool {
        self.from <= position && self.to.is_none_or(|to| to > position)
    }
}

/// The rights to one topic, in growing position; all but the last have ended.
pub(crate) type Rights = Vec<Right>;

/// The rights of all accounts, appended ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    accounts: BTreeMap<Account, BTreeMap<Topic, Rights>>,
}

impl Grants {
    /// The rights of `account`, by topic.
    pub(crate) fn of(&self, account: &Account) -> impl Iterator<Item = (&Topic, &Rights)> {
        self.accounts.get(account).into_iter().flatten()
    }

    /// The rights of `account` to `topic`.
    pub(crate) fn to(&self, account: &Account, topic: &Topic) -> &[Right] {
        self.accounts.get(account).and_then(|topics| topics.get(topic)).map_or(&[], Vec::as_slice)
    }

    /// Is the last thing said of this right that it is given?
    pub(crate) fn is_granted(&self, account: &Account, topic: &Topic) -> bool {
        self.to(account, topic).last().is_some_and(Right::is_open)
    }

    /// The topics that `account` had a right to at `position`, sorted.
    pub(crate) fn at(&self, account: &Account, position: Seq) -> Vec<Topic> {
        let held = self.of(account).filter(|(_, rights)| rights.iter().any(|right| right.covers(position)));
        held.map(|(topic, _)| topic.clone()).collect()
    }

    /// Where rights began or ended, from `first` to `last`.
    pub(crate) fn positions(&self, first: Seq, last: Seq) -> BTreeSet<Seq> {
        let rights = self.accounts.values().flat_map(BTreeMap::values).flatten();
        let ends = rights.flat_map(|right| core::iter::once(right.from).chain(right.to));
        ends.filter(|seq| (first..=last).contains(seq)).collect()
    }

    pub(crate) fn granted(&mut self, account: &Account, topic: &Topic, seq: Seq) {
        let topics = self.accounts.entry(account.clone()).or_default();
        let rights = topics.entry(topic.clone()).or_default();
        if !rights.last().is_some_and(Right::is_open) {
            rights.push(Right { from: seq, to: None, lost: Seq::ZERO });
        }
    }

    /// `removed` is the last event of the topic that retention has removed.
    pub(crate) fn revoked(&mut self, account: &Account, topic: &Topic, seq: Seq, removed: Seq) {
        let rights = self.accounts.get_mut(account).and_then(|topics| topics.get_mut(topic));
        if let Some(right) = rights.and_then(|rights| rights.last_mut()).filter(|right| right.is_open()) {
            right.to = Some(seq);
            right.lost = if removed > right.from { removed } else { Seq::ZERO };
        }
    }

    /// Retention removed everything before `oldest`. `last_removed(topic, after, before)` tells the last event of the
    /// topic that was removed this time with `after < seq < before`. Ended rights that lost nothing are forgotten.
    pub(crate) fn removed(&mut self, oldest: Seq, last_removed: impl Fn(&Topic, Seq, Seq) -> Option<Seq>) {
        let mut past = 0;
        for topics in self.accounts.values_mut() {
            for (topic, rights) in topics.iter_mut() {
                for right in rights.iter_mut() {
                    let Some(to) = right.to else { continue };
                    if let Some(lost) = last_removed(topic, right.from, to) {
                        right.lost = right.lost.max(lost);
                    }
                }
                rights.retain(|right| right.to.is_none_or(|to| to >= oldest || right.lost > Seq::ZERO));
                past += rights.iter().filter(|right| right.to.is_some_and(|to| to < oldest)).count();
            }
        }
        if past > MAX_PAST_RIGHTS {
            self.forget_oldest(oldest, past - MAX_PAST_RIGHTS);
        }
        for topics in self.accounts.values_mut() {
            topics.retain(|_, rights| !rights.is_empty());
        }
        self.accounts.retain(|_, topics| !topics.is_empty());
    }

    fn forget_oldest(&mut self, oldest: Seq, excess: usize) {
        let all = self.accounts.values().flat_map(BTreeMap::values).flatten();
        let mut ends: Vec<Seq> = all.filter_map(|right| right.to).filter(|&to| to < oldest).collect();
        ends.sort_unstable();
        let limit = ends.get(excess.saturating_sub(1)).copied().unwrap_or(Seq::ZERO);
        for topics in self.accounts.values_mut() {
            for rights in topics.values_mut() {
                rights.retain(|right| right.to.is_none_or(|to| to > limit));
            }
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_u32(out, count(self.accounts.len()));
        for (account, topics) in &self.accounts {
            put_text(out, account.as_str());
            put_u32(out, count(topics.len()));
            for (topic, rights) in topics {
                put_text(out, topic.as_str());
                put_u32(out, count(rights.len()));
                for right in rights {
                    put_seq(out, right.from);
                    put_seq(out, right.to.unwrap_or(Seq::ZERO));
                    put_seq(out, right.lost);
                }
            }
        }
    }

    pub(crate) fn take(from: &mut Take<'_>) -> Option<Grants> {
        let mut grants = Grants::default();
        for _ in 0..from.rows(6)? {
            let account = from.account()?;
            let mut topics = BTreeMap::new();
            for _ in 0..from.rows(6)? {
                let topic = from.topic()?;
                let mut rights = Vec::new();
                for _ in 0..from.rows(24)? {
                    let (start, to, lost) = (from.seq()?, from.seq()?, from.seq()?);
                    rights.push(Right { from: start, to: (to > Seq::ZERO).then_some(to), lost });
                }
                topics.insert(topic, rights);
            }
            grants.accounts.insert(account, topics);
        }
        Some(grants)
    }
}
