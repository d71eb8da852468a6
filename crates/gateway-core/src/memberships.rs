//! Which topics a socket follows, kept on both sides: the socket knows its topics, the topic its followers.

use std::sync::Arc;

use bowline_proto::{GrantScope, Seq, Topic};

use crate::connections::{Basis, Connection, Membership};
use crate::shard::GatewayCore;
use crate::topics::Follower;

impl GatewayCore {
    /// The socket follows `topic` for one more reason. `seen_at`: where the right was seen.
    pub(crate) fn follow(&mut self, slot: u32, topic: &Topic, basis: Basis, seen_at: Seq) {
        match self.membership(slot, topic.as_str()) {
            Some(index) => self.add_reason(slot, index, basis, seen_at),
            None => self.join(slot, topic, basis, seen_at),
        }
    }

    /// The default topics of a socket that is being accepted: its open topics and its grants.
    pub(crate) fn follow_defaults(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot) else { return };
        let open = Arc::clone(&connection.open);
        let grants = &self.accounts.entry(connection.account).grants;
        let as_of = grants.as_of(self.head);
        let granted: Vec<Topic> = match &connection.granted {
            GrantScope::All => grants.topics().to_vec(),
            GrantScope::Only(topics) => {
                topics.iter().filter(|topic| grants.contains(topic)).cloned().collect()
            }
        };
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.grants_as_of = as_of;
            connection.memberships.reserve_exact(open.len() + granted.len());
        }
        for topic in open.iter() {
            self.follow(slot, topic, Basis::OPEN, Seq::ZERO);
        }
        // An account's grants are distinct, so each can only meet what was there before them.
        let before = self.connections.get(slot).map_or(0, |connection| connection.memberships.len());
        for topic in &granted {
            match self.membership_among(slot, topic.as_str(), before) {
                Some(index) => self.add_reason(slot, index, Basis::GRANTED, Seq::ZERO),
                None => self.join(slot, topic, Basis::GRANTED, Seq::ZERO),
            }
        }
    }

    /// Where `topic` stands among the socket's memberships.
    pub(crate) fn membership(&self, slot: u32, topic: &str) -> Option<usize> {
        self.membership_among(slot, topic, usize::MAX)
    }

    fn membership_among(&self, slot: u32, topic: &str, first: usize) -> Option<usize> {
        let id = self.topics.find(topic)?;
        self.connections
            .get(slot)?
            .memberships
            .iter()
            .take(first)
            .position(|membership| membership.topic == id)
    }

    pub(crate) fn basis(&self, slot: u32, index: usize) -> Option<Membership> {
        self.connections.get(slot)?.memberships.get(index).copied()
    }

    fn add_reason(&mut self, slot: u32, index: usize, basis: Basis, seen_at: Seq) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let membership = &mut connection.memberships[index];
        membership.basis = membership.basis.with(basis);
        membership.seen_at = membership.seen_at.max(seen_at);
    }

    fn join(&mut self, slot: u32, topic: &Topic, basis: Basis, seen_at: Seq) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let membership = u32::try_from(connection.memberships.len()).expect("fewer than 2^32 topics");
        let (topic, at) = self.topics.follow(topic, Follower { slot, membership });
        connection.memberships.push(Membership { topic, at, basis, seen_at });
    }

    /// One reason less; the socket leaves the topic when it was the last. Returns what remains.
    pub(crate) fn drop_reason(&mut self, slot: u32, index: usize, basis: Basis) -> Option<Basis> {
        let connection = self.connections.get_mut(slot)?;
        let membership = connection.memberships.get_mut(index)?;
        let was_asked = is_asked(membership.basis);
        let rest = membership.basis.without(basis);
        membership.basis = rest;
        if was_asked && !is_asked(rest) {
            connection.asked -= 1;
        }
        if rest.is_none() {
            self.leave(slot, index);
        }
        Some(rest)
    }

    fn leave(&mut self, slot: u32, index: usize) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let left = connection.memberships.swap_remove(index);
        // The last membership stands at `index` now: its topic must know.
        if let Some(moved) = connection.memberships.get(index) {
            let follower = &mut self.topics.followers(moved.topic)[moved.at as usize];
            follower.membership = u32::try_from(index).expect("fewer than 2^32 topics");
        }
        // The topic's last follower stands at `left.at` now: its socket must know.
        if let Some(moved) = self.topics.unfollow(left.topic, left.at)
            && let Some(other) = self.connections.get_mut(moved.slot)
        {
            other.memberships[moved.membership as usize].at = left.at;
        }
    }

    /// The socket follows nothing any more.
    pub(crate) fn leave_all(&mut self, slot: u32) {
        while let Some(last) = self.connections.get(slot).and_then(|c| c.memberships.len().checked_sub(1)) {
            self.leave(slot, last);
        }
    }

    /// The names of the logged topics that the socket follows for one of these reasons.
    pub(crate) fn logged_topics(&self, connection: &Connection, basis: Basis) -> Vec<Topic> {
        connection
            .memberships
            .iter()
            .filter(|membership| membership.basis.has(basis))
            .map(|membership| self.topics.name(membership.topic))
            .filter(|topic| !topic.is_on_demand())
            .cloned()
            .collect()
    }
}

/// Whether the client asked for the topic, by whichever right.
pub(crate) fn is_asked(basis: Basis) -> bool {
    basis.has(Basis::ASKED.with(Basis::CLAIMED))
}
