//! Whether the link knows what the application wishes: the topics that it subscribed to, and what it says that it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bowline_client_core::{Command, ConnectionState, LinkId, Notice};
use bowline_proto::{
    ACTIVITY_HEARTBEAT, ACTIVITY_LEASE, ActivityStatus, ClientFrame, RefusalCode, RequestedTopic,
    SubscribeAck, Time, Topic,
};
use core::time::Duration;

use crate::env::Env;
use crate::event::PeerNo;

/// The wishes of one process, and what was said of them.
#[derive(Debug)]
pub(crate) struct Wishes {
    client: PeerNo,
    topics: BTreeSet<Topic>,
    /// What each link was asked for.
    asked: BTreeMap<LinkId, BTreeSet<Topic>>,
    doing: BTreeMap<Arc<str>, ActivityStatus>,
    /// What was said last of each conversation, and when.
    said: BTreeMap<Arc<str>, (ActivityStatus, Time)>,
}

impl Wishes {
    pub(crate) fn new(client: PeerNo) -> Self {
        Wishes {
            client,
            topics: BTreeSet::new(),
            asked: BTreeMap::new(),
            doing: BTreeMap::new(),
            said: BTreeMap::new(),
        }
    }

    /// The core has taken a wish.
    pub(crate) fn wished(&mut self, command: Command) {
        match command {
            Command::Subscribe(topics) => self.topics.extend(topics),
            Command::Unsubscribe(topics) => self.topics.retain(|topic| !topics.contains(topic)),
            Command::SendActivity { conversation_id, status } => {
                self.doing.insert(conversation_id, status);
            }
            // What was going on is over.
            Command::Close => {
                self.doing.clear();
                self.said.clear();
            }
            Command::Connect | Command::Send { .. } | Command::HandOver => {}
        }
    }

    /// A frame goes out.
    pub(crate) fn says(&mut self, now: Time, link: LinkId, frame: &ClientFrame) {
        let asked = self.asked.entry(link).or_default();
        match frame {
            ClientFrame::Subscribe { topics } => asked.extend(valid(topics)),
            ClientFrame::Resume(resume) => asked.extend(valid(&resume.topics)),
            ClientFrame::Unsubscribe { topics } => {
                let left: BTreeSet<Topic> = valid(topics).collect();
                asked.retain(|topic| !left.contains(topic));
            }
            ClientFrame::Activity { conversation_id, status } => {
                self.said.insert(Arc::clone(conversation_id), (status.clone(), now));
            }
            ClientFrame::Ping | ClientFrame::Unknown => {}
        }
    }

    /// The core tells something: with a connection that is over, what was going on is over.
    pub(crate) fn hears(&mut self, notice: &Notice) {
        if matches!(notice, Notice::State(ConnectionState::Closed(_))) {
            self.doing.clear();
            self.said.clear();
        }
    }

    /// The link that is accepted answers. What it refuses for good is wished no more.
    pub(crate) fn answered(&mut self, link: LinkId, ack: &SubscribeAck) {
        let asked = self.asked.entry(link).or_default();
        for refusal in &ack.errors {
            if matches!(refusal.code, RefusalCode::Forbidden | RefusalCode::InvalidTopic)
                && let Ok(topic) = Topic::new(&refusal.topic)
            {
                self.topics.remove(&topic);
                asked.remove(&topic);
            }
        }
    }

    /// A link has been up since `up_since`: what the application does has been said, and is said again in time.
    pub(crate) fn look_at_activities(&mut self, env: &mut Env, up_since: Time) {
        for (conversation, status) in &self.doing {
            let known = self.said.get(conversation);
            let is_known = match known {
                Some((said, _)) if status.is_active() => said == status,
                Some((said, at)) => !said.is_active() || env.now.since(*at) >= ACTIVITY_LEASE,
                None => !status.is_active(),
            };
            if !is_known {
                let told = format!("client {}: {conversation} {status:?} is known as {known:?}", self.client);
                env.violate("activity", told);
            }
            let silent = known.map_or(Duration::ZERO, |(_, at)| env.now.since((*at).max(up_since)));
            if status.is_active() && silent > ACTIVITY_HEARTBEAT + Duration::from_millis(100) {
                let told =
                    format!("client {}: {conversation} {status:?} not renewed for {silent:?}", self.client);
                env.violate("activity", told);
            }
        }
    }

    /// At the end, when nothing is under way: the link was asked for what is wished, and for nothing else.
    pub(crate) fn look_at_topics(&self, env: &mut Env, link: LinkId) {
        let asked = self.asked.get(&link).cloned().unwrap_or_default();
        let unheard: Vec<&Topic> = self.topics.difference(&asked).collect();
        let unwanted: Vec<&Topic> =
            asked.difference(&self.topics).filter(|topic| topic.is_on_demand()).collect();
        if !unheard.is_empty() {
            let told = format!("client {}: {link:?} was never asked for {unheard:?}", self.client);
            env.violate("wishes", told);
        }
        if !unwanted.is_empty() {
            env.violate("wishes", format!("client {}: {link:?} still brings {unwanted:?}", self.client));
        }
    }
}

fn valid(topics: &[RequestedTopic]) -> impl Iterator<Item = Topic> {
    topics.iter().filter_map(|topic| match topic {
        RequestedTopic::Valid(topic) => Some(topic.clone()),
        RequestedTopic::Invalid(_) => None,
    })
}
