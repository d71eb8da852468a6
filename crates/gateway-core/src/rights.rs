//! What a grant or a revocation does to a reader, at its own place in that reader's stream.
//!
//! A live reader meets the change in the tail, a reader that catches up meets it in its pages: the same function for both.
//! A path socket that catches up does not read the grants of other topics; what it subscribed to by such a grant is
//! on demand, has no place in the stream, and ends when the revocation passes in the tail. A reader can be ahead of the tail,
//! because the log may be read further than the tail has been put out; then the tail brings changes that lie behind it.

use bowline_proto::{RefusalCode, Seq, ServerFrame, Topic, TopicRefusal};

use crate::connections::{Basis, Phase};
use crate::recent_grants::{GrantChange, GrantStep};
use crate::shard::GatewayCore;

/// The topics that are the right to a conversation.
const CONVERSATION: &str = "conv:";

impl GatewayCore {
    /// A change of an account's rights passed in the tail.
    pub(crate) fn grant_passed(&mut self, change: &GrantChange) {
        let Some(key) = self.accounts.find(&change.account) else { return };
        let account = self.accounts.entry(key);
        account.grants.pass(change.seq, &change.topic, change.step);
        for slot in account.slots.clone() {
            let Some(connection) = self.connections.get(slot) else { continue };
            let Some(position) = self.position(slot) else { continue };
            let is_behind = change.seq <= position;
            let is_in_its_stream = connection.covers(&change.topic) && !is_behind;
            if is_behind && connection.lacks_changes_at(change.seq) {
                self.grant_made_up(slot, change);
            } else if matches!(connection.phase, Phase::Live { .. }) && !is_behind {
                self.grant_reached(slot, change.seq, &change.topic, change.step);
            } else if change.step == GrantStep::Revoked && !is_in_its_stream {
                self.right_lost(slot, change, is_behind);
            }
        }
    }

    /// A reader's stream reached a change of its account's rights.
    pub(crate) fn grant_reached(&mut self, slot: u32, seq: Seq, topic: &Topic, step: GrantStep) {
        let (added, removed) = match step {
            GrantStep::Granted => (self.granted(slot, topic), Vec::new()),
            GrantStep::Revoked => (Vec::new(), self.revoked(slot, seq, topic)),
        };
        if !added.is_empty() || !removed.is_empty() {
            self.send(slot, ServerFrame::Topics { added, removed, seq });
        }
    }

    /// The tail brings a change that lies behind a reader's position. Up to its start the reader has not met it; further on it
    /// has, and takes it again so that the last change of a topic wins. Before the tail reaches the position nothing
    /// is delivered from it, so in time for that the memberships are those of the position.
    fn grant_made_up(&mut self, slot: u32, change: &GrantChange) {
        let (added, removed) = match change.step {
            GrantStep::Granted => (self.granted(slot, &change.topic), Vec::new()),
            GrantStep::Revoked => (Vec::new(), self.revoked(slot, change.seq, &change.topic)),
        };
        let is_news = self.connections.get(slot).is_some_and(|connection| change.seq <= connection.start);
        if is_news && (!added.is_empty() || !removed.is_empty()) {
            let seq = self.position(slot).unwrap_or(change.seq);
            self.send(slot, ServerFrame::Topics { added, removed, seq });
        }
    }

    /// Returns what is delivered from here on. A reader that catches up may follow the topic already, because its
    /// memberships are those of a later position: it is told all the same, at the place of the change.
    fn granted(&mut self, slot: u32, topic: &Topic) -> Vec<Topic> {
        if !self.connections.get(slot).is_some_and(|connection| connection.covers(topic)) {
            return Vec::new();
        }
        let other_reasons = Basis::OPEN.with(Basis::CLAIMED);
        let before = self.membership(slot, topic.as_str()).and_then(|index| self.basis(slot, index));
        let was_delivered = before.is_some_and(|membership| membership.basis.has(other_reasons));
        self.follow(slot, topic, Basis::GRANTED, Seq::ZERO);
        if was_delivered { Vec::new() } else { vec![topic.clone()] }
    }

    /// Returns what is no longer delivered from here on.
    fn revoked(&mut self, slot: u32, seq: Seq, topic: &Topic) -> Vec<Topic> {
        let was_default = self.connections.get(slot).is_some_and(|connection| connection.covers(topic));
        let mut removed = Vec::new();
        let rest = match self.membership(slot, topic.as_str()) {
            Some(index) => self.drop_right(slot, index, seq),
            None => was_default.then_some(Basis::OPEN.without(Basis::OPEN)),
        };
        if rest.is_some_and(Basis::is_none) {
            removed.push(topic.clone());
        }
        removed.extend(self.on_demand_lost(slot, seq, topic));
        removed
    }

    /// Takes the reasons away that a revocation at `seq` ends; `None` when there was none of them.
    fn drop_right(&mut self, slot: u32, index: usize, seq: Seq) -> Option<Basis> {
        let membership = self.basis(slot, index)?;
        let mut ended = Basis::GRANTED;
        if membership.seen_at < seq {
            ended = ended.with(Basis::ASKED);
        }
        if !membership.basis.has(ended) {
            return None;
        }
        if membership.basis.has(Basis::ASKED) {
            let topic = self.topics.name(membership.topic).clone();
            self.question_changed(slot, &topic);
        }
        self.drop_reason(slot, index, ended)
    }

    /// The right to `conv:{id}` was also the right to the activity of the conversation.
    fn on_demand_lost(&mut self, slot: u32, seq: Seq, topic: &Topic) -> Option<Topic> {
        let on_demand = Topic::activity_of(topic.as_str().strip_prefix(CONVERSATION)?).ok()?;
        let index = self.membership(slot, on_demand.as_str())?;
        let rest = self.drop_right(slot, index, seq)?;
        rest.is_none().then_some(on_demand)
    }

    /// A revocation passes that this reader's stream will not bring: it concerns a topic that it does not read, or it lies
    /// behind a position that was reached ahead of the tail. What was subscribed by the right ends now.
    fn right_lost(&mut self, slot: u32, change: &GrantChange, is_behind: bool) {
        let mut lost: Vec<Topic> = Vec::new();
        if is_behind
            && let Some(index) = self.membership(slot, change.topic.as_str())
            && self.basis(slot, index).is_some_and(|membership| membership.basis.has(Basis::ASKED))
            && self.drop_right(slot, index, change.seq).is_some_and(Basis::is_none)
        {
            lost.push(change.topic.clone());
        }
        lost.extend(self.on_demand_lost(slot, change.seq, &change.topic));
        let Some(seq) = self.position(slot).filter(|_| !lost.is_empty()) else { return };
        let Some(connection) = self.connections.get_mut(slot) else { return };
        match &mut connection.phase {
            Phase::AwaitFirstPage(resuming) => resuming.errors.extend(lost.iter().map(|topic| {
                TopicRefusal { topic: topic.as_str().to_owned(), code: RefusalCode::Forbidden }
            })),
            Phase::CatchingUp { .. } | Phase::Live { .. } => {
                self.send(slot, ServerFrame::Topics { added: Vec::new(), removed: lost, seq });
            }
            Phase::AwaitResume { .. } => {}
        }
    }
}

/// The topic whose grant opens `topic`: itself, or the conversation of an on-demand topic.
pub(crate) fn right_to(topic: &Topic) -> Option<Topic> {
    match topic.on_demand_conversation() {
        Some(conversation) => Topic::new(&format!("{CONVERSATION}{conversation}")).ok(),
        None => Some(topic.clone()),
    }
}
