//! What a client may subscribe to, and what it is told (wire protocol, section 4).

use bowline_proto::{
    CloseCode, GrantScope, RefusalCode, RequestedTopic, Seq, ServerFrame, SubscribeAck, Time, Topic,
    TopicRefusal,
};

use crate::connections::{Awaiting, Basis, Phase};
use crate::rights::right_to;
use crate::shard::GatewayCore;

/// What gives a socket a topic.
enum Right {
    /// It is a default topic.
    Default,
    /// A claim of its token, or an open topic of its path.
    Claim,
    /// A grant, seen at this position.
    Grant(Seq),
    /// Nothing: forbidden, or no such topic. The two are not told apart.
    None,
    /// The tail was skipped, and nothing that this socket reads says which grants changed.
    Unknown,
}

/// What is known of a grant.
enum Seen {
    /// Held at this position.
    Granted(Seq),
    NotGranted,
    Unknown,
}

impl GatewayCore {
    pub(crate) fn subscribe(&mut self, now: Time, slot: u32, topics: Vec<RequestedTopic>) {
        let (subscribed, errors) = self.ask_for(now, slot, topics);
        let Some(position) = self.position(slot) else { return };
        let ack = SubscribeAck { subscribed: subscribed.clone(), errors, seq: Some(position) };
        self.send(slot, ServerFrame::SubscribeAck(ack));
        for topic in subscribed.iter().filter(|topic| topic.is_on_demand()) {
            self.tell_activities(now, slot, topic);
        }
    }

    /// Subscribes to what is allowed of a list. What is followed anyway is subscribed without effect.
    pub(crate) fn ask_for(
        &mut self,
        now: Time,
        slot: u32,
        topics: Vec<RequestedTopic>,
    ) -> (Vec<Topic>, Vec<TopicRefusal>) {
        let mut subscribed: Vec<Topic> = Vec::new();
        let mut errors = Vec::new();
        for requested in topics {
            let topic = match requested {
                RequestedTopic::Valid(topic) => topic,
                RequestedTopic::Invalid(topic) => {
                    errors.push(TopicRefusal { topic, code: RefusalCode::InvalidTopic });
                    continue;
                }
            };
            // The reader's own position counts: a revocation further on ends it there, and not before.
            let right = match self.membership(slot, topic.as_str()) {
                Some(_) => Right::Default,
                None => self.right(slot, &topic),
            };
            let refused = match right {
                Right::Default => None,
                Right::Claim => self.ask(slot, &topic, Basis::CLAIMED, Seq::ZERO),
                Right::Grant(seen_at) => self.ask(slot, &topic, Basis::ASKED, seen_at),
                Right::None => Some(RefusalCode::Forbidden),
                Right::Unknown => {
                    self.close(now, slot, CloseCode::DRAINING);
                    return (Vec::new(), Vec::new());
                }
            };
            match refused {
                Some(code) => errors.push(TopicRefusal { topic: topic.as_str().to_owned(), code }),
                None if subscribed.contains(&topic) => {}
                None => subscribed.push(topic),
            }
        }
        (subscribed, errors)
    }

    /// Adds a subscription, or says why not.
    fn ask(&mut self, slot: u32, topic: &Topic, basis: Basis, seen_at: Seq) -> Option<RefusalCode> {
        if self.membership(slot, topic.as_str()).is_some() {
            return None;
        }
        let limit = self.config.subscriptions;
        let connection = self.connections.get_mut(slot)?;
        if connection.asked as usize >= limit {
            return Some(RefusalCode::LimitExceeded);
        }
        connection.asked += 1;
        let is_live = matches!(connection.phase, Phase::Live { .. });
        self.follow(slot, topic, basis, seen_at);
        self.question_changed(slot, topic);
        if is_live && !topic.is_on_demand() && self.position(slot).is_some_and(|position| position < seen_at)
        {
            // The grant is known ahead of the tail, and what lies before it is not this reader's: the log tells them apart.
            self.fall_behind(slot);
            self.read_on(slot);
        }
        None
    }

    fn right(&mut self, slot: u32, topic: &Topic) -> Right {
        let Some(needed) = right_to(topic) else { return Right::None };
        let Some(seen_at) = self.grant_seen_at(slot, &needed) else { return Right::None };
        let Some(connection) = self.connections.get(slot) else { return Right::None };
        let is_granted = matches!(seen_at, Seen::Granted(_));
        if connection.open.contains(topic) || (*topic == needed && connection.covers(topic) && is_granted) {
            return Right::Default;
        }
        if connection.claims(topic) || connection.claims(&needed) || connection.open.contains(&needed) {
            return Right::Claim;
        }
        match seen_at {
            Seen::Granted(at) => Right::Grant(at),
            Seen::NotGranted => Right::None,
            Seen::Unknown => Right::Unknown,
        }
    }

    /// Whether the account holds a grant now. A reader of all its grants that is ahead of the tail knows better than the
    /// tail: its own default topics say it.
    fn grant_seen_at(&mut self, slot: u32, topic: &Topic) -> Option<Seen> {
        let connection = self.connections.get(slot)?;
        let grants = &self.accounts.entry(connection.account).grants;
        let as_of = grants.as_of(self.head);
        let (is_held, is_current) = (grants.contains(topic), grants.is_current());
        let reads_all = connection.granted == GrantScope::All;
        let is_accepted = connection.is_accepted();
        let ahead = self.position(slot).filter(|position| reads_all && is_accepted && *position > as_of);
        Some(match ahead {
            Some(position) => {
                let followed =
                    self.membership(slot, topic.as_str()).and_then(|index| self.basis(slot, index));
                match followed {
                    Some(membership) if membership.basis.has(Basis::GRANTED) => Seen::Granted(position),
                    Some(_) | None => Seen::NotGranted,
                }
            }
            None if !is_current && !reads_all => Seen::Unknown,
            None if is_held => Seen::Granted(as_of),
            None => Seen::NotGranted,
        })
    }

    /// Whether a socket may say what its account does in the conversation of an on-demand topic. `None`: the socket was
    /// closed because nobody here can know.
    pub(crate) fn may_speak_in(&mut self, now: Time, slot: u32, topic: &Topic) -> Option<bool> {
        match self.right(slot, topic) {
            Right::Default | Right::Claim | Right::Grant(_) => Some(true),
            Right::None => Some(false),
            Right::Unknown => {
                self.close(now, slot, CloseCode::DRAINING);
                None
            }
        }
    }

    /// Ends subscriptions. Default topics stay: they follow from the path and the grants, and are not listed in the answer.
    pub(crate) fn unsubscribe(&mut self, slot: u32, topics: Vec<RequestedTopic>) {
        let mut unsubscribed: Vec<Topic> = Vec::new();
        for requested in topics {
            let RequestedTopic::Valid(topic) = requested else { continue };
            let rest = match self.membership(slot, topic.as_str()) {
                Some(index) => self.drop_reason(slot, index, Basis::ASKED.with(Basis::CLAIMED)),
                None => Some(Basis::OPEN.without(Basis::OPEN)),
            };
            if rest.is_some_and(Basis::is_none) && !unsubscribed.contains(&topic) {
                self.question_changed(slot, &topic);
                unsubscribed.push(topic);
            }
        }
        self.send(slot, ServerFrame::UnsubscribeAck { unsubscribed });
    }

    /// A reader that catches up follows other logged topics now: a page on its way answers the old question.
    pub(crate) fn question_changed(&mut self, slot: u32, topic: &Topic) {
        if topic.is_on_demand() {
            return;
        }
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if let Some(catch_up) = connection.catch_up()
            && catch_up.awaiting == Awaiting::Page
        {
            catch_up.awaiting = Awaiting::StalePage;
        }
    }

    /// A socket that was accepted with a list of topics gets the activities that it missed.
    pub(crate) fn tell_activities_followed(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get(slot) else { return };
        if connection.asked == 0 || !matches!(connection.phase, Phase::CatchingUp { .. }) {
            return;
        }
        let topics: Vec<Topic> = connection
            .memberships
            .iter()
            .map(|membership| self.topics.name(membership.topic))
            .filter(|topic| topic.is_on_demand())
            .cloned()
            .collect();
        for topic in &topics {
            self.tell_activities(now, slot, topic);
        }
    }
}
