//! When a live reader stops to follow the tail: its socket blocks, or the shard's share of the tail overflows.
//!
//! From then on it is a position in the log and nothing more; `reading` brings it back.

use bowline_proto::{CloseCode, GrantScope, Seq, Time};

use crate::connections::{Awaiting, Basis, CatchUp, Hot, Phase, Writing};
use crate::recent_grants::RecentGrants;
use crate::shard::GatewayCore;

impl GatewayCore {
    /// A live reader stops to follow the tail at its position.
    pub(crate) fn fall_behind(&mut self, slot: u32) {
        let Some(position) = self.position(slot) else { return };
        let epoch = self.epoch;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let Phase::Live { session } = connection.phase else { return };
        let catch_up = CatchUp { epoch, position, awaiting: Awaiting::Drained, failures: 0 };
        connection.phase = Phase::CatchingUp { session, catch_up };
        self.connections.hot[slot as usize].live_from = Hot::NOT_LIVE;
        self.stats.live -= 1;
        self.stats.catching_up += 1;
        tracing::debug!(slot, position = position.get(), "reader falls behind");
    }

    /// The socket took only a part.
    pub(crate) fn blocked(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if connection.is_blocked() {
            return;
        }
        connection.writing = Writing::Blocked { progressed: now, answers: 0, owes_pong: false };
        self.fall_behind(slot);
        self.arm(now, slot);
    }

    /// The socket took some more.
    pub(crate) fn progressed(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.heard = now;
        if let Writing::Blocked { progressed, .. } = &mut connection.writing {
            *progressed = now;
        }
    }

    /// The socket took everything.
    pub(crate) fn drained(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.heard = now;
        let was = core::mem::replace(&mut connection.writing, Writing::Free);
        let awaits_this =
            connection.catch_up().is_some_and(|catch_up| catch_up.awaiting == Awaiting::Drained);
        if matches!(was, Writing::Blocked { owes_pong: true, .. }) {
            self.pong(slot);
        }
        if awaits_this {
            self.read_on(slot);
        }
    }

    /// The shard's share of the tail overflowed: everybody who lacks something reads it from the log.
    ///
    /// A path socket that subscribed on demand by a grant can't read there whether it still has that grant, nor can a reader
    /// that started ahead of the tail read what it was granted before: they are closed and come back with their grants of now.
    pub(crate) fn tail_skipped(&mut self, now: Time, upto: Seq) {
        if upto <= self.head {
            return;
        }
        tracing::warn!(from = self.head.get(), upto = upto.get(), "tail skipped");
        for grants in self.accounts.all_grants() {
            grants.skip(self.head, upto);
        }
        self.recent_grants = RecentGrants::behind(upto);
        let mut behind = Vec::new();
        for slot in 0..self.connections.slots() {
            let Some(connection) = self.connections.get(slot) else { continue };
            let is_ahead = matches!(connection.phase, Phase::Live { .. })
                && self.connections.hot[slot as usize].live_from >= upto.get();
            let lacks_grants = connection.starts_ahead_of_its_grants() && connection.start > self.head;
            let lacks_rights = connection.granted != GrantScope::All && self.follows_on_demand_by_grant(slot);
            if lacks_grants || lacks_rights {
                self.close(now, slot, CloseCode::DRAINING);
            } else if matches!(connection.phase, Phase::Live { .. }) && !is_ahead {
                self.fall_behind(slot);
                behind.push(slot);
            }
        }
        self.head = upto;
        for slot in behind {
            self.read_on(slot);
        }
    }

    fn follows_on_demand_by_grant(&self, slot: u32) -> bool {
        self.connections.get(slot).is_some_and(|connection| {
            connection.asked > 0
                && connection.memberships.iter().any(|membership| {
                    membership.basis.has(Basis::ASKED) && self.topics.name(membership.topic).is_on_demand()
                })
        })
    }
}
