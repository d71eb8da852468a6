//! The log as simple as it can be said: all records ever, and an answer by looking at each of them.

use bowline_log::{Batch, Entry};
use bowline_proto::{Gap, GapReason, GrantScope, Query, Topic};

use super::seq;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Event { topic: Topic, prev: u64 },
    Grant { account: String, topic: Topic },
    Revoke { account: String, topic: Topic },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// In order; the first stands at position 1.
    pub(crate) records: Vec<What>,
}

/// What a page should hold: positions and gaps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) seqs: Vec<u64>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) upto: u64,
    /// The first record that did not fit.
    pub(crate) behind: Option<u64>,
}

impl Model {
    pub(crate) fn head(&self) -> u64 {
        self.records.len() as u64
    }

    /// Appends; the places.
    pub(crate) fn append(&mut self, batch: &Batch) -> Vec<u64> {
        let mut places = Vec::new();
        for entry in &batch.entries {
            match entry {
                Entry::Event(event) => {
                    let prev = self.last_of(&event.topic);
                    self.records.push(What::Event { topic: event.topic.clone(), prev });
                }
                Entry::Grant { account, topic } => {
                    if !self.has_right(account.as_str(), topic, self.head() + 1) {
                        let account = account.to_string();
                        self.records.push(What::Grant { account, topic: topic.clone() });
                    }
                }
                Entry::Revoke { account, topic } => {
                    if self.has_right(account.as_str(), topic, self.head() + 1) {
                        let account = account.to_string();
                        self.records.push(What::Revoke { account, topic: topic.clone() });
                    }
                }
            }
            places.push(self.head());
        }
        places
    }

    fn last_of(&self, topic: &Topic) -> u64 {
        let is_its = |what: &What| matches!(what, What::Event { topic: its, .. } if its == topic);
        self.records.iter().rposition(is_its).map_or(0, |at| at as u64 + 1)
    }

    /// Was the last thing said before position `at` that `who` may see `topic`?
    pub(crate) fn has_right(&self, who: &str, topic: &Topic, at: u64) -> bool {
        let mut has = false;
        for what in &self.records[..(at - 1) as usize] {
            match what {
                What::Grant { account, topic: its } if account == who && its == topic => has = true,
                What::Revoke { account, topic: its } if account == who && its == topic => has = false,
                _ => {}
            }
        }
        has
    }

    /// The record at `at` is a grant whose right goes on at `oldest`.
    fn is_grant_that_reaches(&self, at: u64, oldest: u64) -> bool {
        let What::Grant { account, topic } = &self.records[at as usize - 1] else { return false };
        let is_its_end = |what: &What| matches!(what, What::Revoke { account: whose, topic: its } if whose == account && its == topic);
        !self.records[at as usize..oldest.max(at + 1) as usize - 1].iter().any(is_its_end)
    }

    /// The answer to a query of this log's epoch with `after` not ahead, when records before `oldest` are removed.
    pub(crate) fn read(&self, query: &Query, oldest: u64) -> Answer {
        let follows = |topic: &Topic| match &query.granted {
            GrantScope::All => true,
            GrantScope::Only(topics) => topics.contains(topic),
        };
        let who = query.account.as_str();
        let after = query.after.get();
        let mut answer = Answer { seqs: Vec::new(), gaps: Vec::new(), upto: self.head(), behind: None };
        // For each topic, since when the reader sees it, and the last event that it lost since then.
        let mut lost: Vec<(Topic, u64, u64)> = Vec::new();
        let mut since: Vec<(Topic, u64)> = Vec::new();
        for (at, what) in (1..).zip(&self.records) {
            let is_mine = match what {
                What::Event { topic, .. } => {
                    query.open.contains(topic) || (follows(topic) && self.has_right(who, topic, at))
                }
                What::Grant { account, topic } => {
                    if account == who {
                        since.retain(|(its, _)| its != topic);
                        since.push((topic.clone(), at));
                    }
                    account == who && follows(topic)
                }
                What::Revoke { account, topic } => account == who && follows(topic),
            };
            if !is_mine || at <= after {
                continue;
            }
            if at >= oldest || self.is_grant_that_reaches(at, oldest) {
                answer.seqs.push(at);
            } else if let What::Event { topic, .. } = what {
                let start = match query.open.contains(topic) {
                    true => after,
                    false => since.iter().find(|(its, _)| its == topic).map_or(0, |s| s.1).max(after),
                };
                match lost.iter_mut().find(|(its, from, _)| its == topic && *from == start) {
                    Some(row) => row.2 = at,
                    None => lost.push((topic.clone(), start, at)),
                }
            }
        }
        answer.gaps = lost
            .into_iter()
            .map(|(topic, after, last)| {
                let (after, before) = (seq(after), seq(last + 1));
                Gap { topic, after, before, reason: GapReason::Retention }
            })
            .collect();
        answer.gaps.sort_by(|a, b| (a.after, &a.topic).cmp(&(b.after, &b.topic)));
        answer.behind = answer.seqs.get(query.max_records).copied();
        if answer.seqs.len() >= query.max_records {
            answer.seqs.truncate(query.max_records);
            answer.upto = answer.seqs.last().copied().unwrap_or(answer.upto);
        }
        answer
    }
}
