//! What a reader follows when it comes to where the grants are known, in spite of changes of its rights that no page brought.
//!
//! Retention takes grants and revocations away as it takes events. A reader that was behind them keeps the memberships of
//! before, so they are compared with the account's grants at the shard's head by the page that passes that head. The topics
//! that this page changed further on are left alone: there the page knows better.

use bowline_proto::{GrantScope, Seq, ServerFrame, Topic};

use crate::connections::Basis;
use crate::rights::right_to;
use crate::shard::GatewayCore;

impl GatewayCore {
    /// Brings the memberships of a reader at `upto` in line with the account's grants `as_of` an earlier or the same position.
    pub(crate) fn reconcile(&mut self, slot: u32, upto: Seq, as_of: Seq, changed_later: &[Topic]) {
        let Some(connection) = self.connections.get(slot) else { return };
        let grants = &self.accounts.entry(connection.account).grants;
        let mut held = Vec::new();
        let mut lost = Vec::new();
        for membership in &connection.memberships {
            let topic = self.topics.name(membership.topic);
            if membership.basis.has(Basis::GRANTED) {
                held.push(topic);
            }
            let ended = match membership.basis {
                basis if basis.has(Basis::GRANTED) && !grants.contains(topic) => Basis::GRANTED,
                basis if basis.has(Basis::ASKED) && membership.seen_at < as_of => match right_to(topic) {
                    Some(needed) if grants.contains(&needed) || changed_later.contains(&needed) => continue,
                    Some(_) | None => Basis::ASKED,
                },
                _ => continue,
            };
            if !changed_later.contains(topic) {
                lost.push((topic.clone(), ended));
            }
        }
        held.sort_unstable();
        let is_missing =
            |topic: &&Topic| held.binary_search(topic).is_err() && !changed_later.contains(topic);
        let gained: Vec<Topic> = match &connection.granted {
            GrantScope::All => grants.topics().iter().filter(is_missing).cloned().collect(),
            GrantScope::Only(topics) => {
                topics.iter().filter(|topic| grants.contains(topic)).filter(is_missing).cloned().collect()
            }
        };
        let removed: Vec<Topic> = lost
            .into_iter()
            .filter(|(topic, ended)| self.ends(slot, topic, *ended))
            .map(|(topic, _)| topic)
            .collect();
        let added: Vec<Topic> = gained.into_iter().filter(|topic| self.begins(slot, topic)).collect();
        if !added.is_empty() || !removed.is_empty() {
            self.send(slot, ServerFrame::Topics { added, removed, seq: upto });
        }
    }

    /// Takes a reason away; says whether the topic is no longer delivered.
    fn ends(&mut self, slot: u32, topic: &Topic, basis: Basis) -> bool {
        let index = self.membership(slot, topic.as_str());
        index.and_then(|index| self.drop_reason(slot, index, basis)).is_some_and(Basis::is_none)
    }

    /// Adds a default topic; says whether it was not delivered before.
    fn begins(&mut self, slot: u32, topic: &Topic) -> bool {
        let was_followed = self.membership(slot, topic.as_str()).is_some();
        self.follow(slot, topic, Basis::GRANTED, Seq::ZERO);
        !was_followed
    }
}
