//! Which topics the application wants, and what each link knows of it.
//!
//! What is wanted is a state, not a sequence of calls: it is remembered while there is no link, carried by a resume, and
//! every link is brought up to it by the difference. A topic that the gateway refuses for good is wanted no more.

use bowline_proto::{ClientFrame, RefusalCode, RequestedTopic, SubscribeAck, Topic, TopicRefusal};

use crate::sorted::Sorted;
use crate::vocabulary::CommandError;

/// The most logged topics that may be wanted beyond the default ones: as many as fit one `resume`, because a logged
/// topic that a resume leaves out would have a hole.
pub const RESUME_TOPICS: usize = 100;

/// The most topics in one frame (wire protocol: 100 by default on the gateway).
const TOPICS_PER_FRAME: usize = 100;

/// What the application wants.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    topics: Sorted<Topic, Answer>,
    /// How many of them are logged.
    logged: usize,
}

/// Whether the application has heard that a topic is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Awaited,
    Told,
}

/// Which topics a link is brought up to date with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All.
    All,
    /// On-demand topics only: a successor has presented its topics, and until it is decided both links must carry the
    /// same logged ones.
    OnDemand,
}

/// What one link was told.
#[derive(Debug, Default)]
pub(crate) struct LinkTopics {
    standing: Sorted<Topic, Standing>,
    /// How many subscribes of a topic are not answered: of several, the last one's answer counts.
    unanswered: Sorted<Topic, u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Asked for, not answered.
    Asked,
    /// Delivered.
    Held,
    /// Asked to stop, not answered.
    Leaving,
    /// Refused on this link; still wanted on the next one.
    Refused,
}

impl Wanted {
    /// Wants `topics`; nothing changes when that would be too many.
    pub(crate) fn add(&mut self, topics: Vec<Topic>, limit: usize) -> Result<(), CommandError> {
        let mut fresh: Sorted<Topic, Answer> = Sorted::new();
        for topic in topics {
            if !self.contains(&topic) {
                fresh.insert(topic, Answer::Awaited);
            }
        }
        let logged = self.logged + fresh.keys().filter(|topic| !topic.is_on_demand()).count();
        if self.topics.len() + fresh.len() > limit {
            return Err(CommandError::TooManySubscriptions { limit });
        }
        if logged > RESUME_TOPICS {
            return Err(CommandError::TooManySubscriptions { limit: RESUME_TOPICS });
        }
        self.logged = logged;
        for topic in fresh.keys() {
            self.topics.insert(topic.clone(), Answer::Awaited);
        }
        Ok(())
    }

    /// Wants `topic` no more.
    pub(crate) fn remove(&mut self, topic: &Topic) {
        if self.topics.remove(topic.as_str()).is_some() && !topic.is_on_demand() {
            self.logged -= 1;
        }
    }

    pub(crate) fn contains(&self, topic: &Topic) -> bool {
        self.topics.contains(topic.as_str())
    }

    /// What a `resume` lists: every logged topic, and as many on-demand ones as still fit. A successor presents the
    /// logged topics that the current link really delivers, no more: a link that brings a topic from an earlier position
    /// than the other one would tear a hole into it.
    pub(crate) fn for_resume(&self, current: Option<&LinkTopics>) -> Vec<Topic> {
        let is_held = |topic: &Topic| current.is_none_or(|link| link.holds(topic));
        let mut listed: Vec<Topic> = Vec::new();
        for is_on_demand in [false, true] {
            for topic in self.topics.keys().filter(|topic| topic.is_on_demand() == is_on_demand) {
                if listed.len() < RESUME_TOPICS && (is_on_demand || is_held(topic)) {
                    listed.push(topic.clone());
                }
            }
        }
        listed
    }

    /// Takes an answer of the current link: refusals for good leave what is wanted. What of it is news for the application: a
    /// successor's answers to what the application has already heard are not, and neither is what has been given up and
    /// wanted again since, and not asked for again yet.
    pub(crate) fn answered(&mut self, mut ack: SubscribeAck, link: &LinkTopics) -> Option<SubscribeAck> {
        for refusal in &ack.errors {
            if is_for_good(refusal)
                && let Ok(topic) = Topic::new(&refusal.topic)
            {
                self.remove(&topic);
            }
        }
        ack.subscribed.retain(|topic| match self.topics.get_mut(topic.as_str()) {
            Some(answer) => link.holds(topic) && core::mem::replace(answer, Answer::Told) == Answer::Awaited,
            None => true,
        });
        (!ack.subscribed.is_empty() || !ack.errors.is_empty()).then_some(ack)
    }

    /// The last link is lost: on the next one the answers are news again.
    pub(crate) fn forget_answers(&mut self) {
        for (_, answer) in self.topics.iter_mut() {
            *answer = Answer::Awaited;
        }
    }
}

impl LinkTopics {
    /// A link whose resume listed `topics`: they are live when it is accepted.
    pub(crate) fn presented(topics: &[Topic]) -> Self {
        let mut presented = LinkTopics::default();
        for topic in topics {
            presented.standing.insert(topic.clone(), Standing::Held);
        }
        presented
    }

    /// The frames that bring this link up to what is wanted.
    pub(crate) fn catch_up(&mut self, wanted: &Wanted, scope: Scope) -> Vec<ClientFrame> {
        let concerns = |topic: &Topic| match scope {
            Scope::All => true,
            Scope::OnDemand => topic.is_on_demand(),
        };
        let (mut missing, mut superfluous) = (Vec::new(), Vec::new());
        for topic in wanted.topics.keys().filter(|topic| concerns(topic)) {
            if matches!(self.standing.get(topic.as_str()), None | Some(Standing::Leaving)) {
                missing.push(topic.clone());
            }
        }
        for (topic, standing) in self.standing.iter().filter(|(topic, _)| concerns(topic)) {
            let is_superfluous = match standing {
                Standing::Asked | Standing::Held => !wanted.contains(topic),
                Standing::Leaving | Standing::Refused => false,
            };
            if is_superfluous {
                superfluous.push(topic.clone());
            }
        }
        for topic in &missing {
            self.standing.insert(topic.clone(), Standing::Asked);
            *self.unanswered.get_or_insert(topic.clone(), 0) += 1;
        }
        for topic in &superfluous {
            self.standing.insert(topic.clone(), Standing::Leaving);
        }
        self.standing.retain(|topic, standing| *standing != Standing::Refused || wanted.contains(topic));

        let mut frames = Vec::new();
        for topics in superfluous.chunks(TOPICS_PER_FRAME) {
            frames.push(ClientFrame::Unsubscribe { topics: requested(topics) });
        }
        for topics in missing.chunks(TOPICS_PER_FRAME) {
            frames.push(ClientFrame::Subscribe { topics: requested(topics) });
        }
        frames
    }

    /// Takes the answer to a subscribe; what is left of it. A topic that was given up and asked for again meanwhile is not
    /// delivered from this answer on, but from the next one.
    pub(crate) fn answered(&mut self, mut ack: SubscribeAck) -> SubscribeAck {
        ack.subscribed.retain(|topic| self.is_last_answer(topic.as_str()));
        ack.errors.retain(|refusal| self.is_last_answer(&refusal.topic));
        for topic in &ack.subscribed {
            if let Some(standing) = self.standing.get_mut(topic.as_str()).filter(|s| **s == Standing::Asked) {
                *standing = Standing::Held;
            }
        }
        for refusal in &ack.errors {
            let topic = refusal.topic.as_str();
            if is_for_good(refusal) {
                // It is wanted no more. Whoever wants it again asks again: a grant may have come meanwhile.
                self.standing.remove(topic);
            } else if let Some(standing) = self.standing.get_mut(topic)
                && matches!(standing, Standing::Asked | Standing::Held)
            {
                *standing = Standing::Refused;
            }
        }
        ack
    }

    fn is_last_answer(&mut self, topic: &str) -> bool {
        let Some(left) = self.unanswered.get_mut(topic) else { return true };
        *left -= 1;
        let is_last = *left == 0;
        if is_last {
            self.unanswered.remove(topic);
        }
        is_last
    }

    /// Takes the answer to an unsubscribe. A topic that has been asked for again meanwhile stays.
    pub(crate) fn left(&mut self, topics: &[Topic]) {
        for topic in topics {
            if self.standing.get(topic.as_str()) == Some(&Standing::Leaving) {
                self.standing.remove(topic.as_str());
            }
        }
    }

    /// A subscribe of a logged topic is not answered yet: its position in the stream is unknown.
    pub(crate) fn awaits_logged_answer(&self) -> bool {
        self.standing.iter().any(|(topic, standing)| *standing == Standing::Asked && !topic.is_on_demand())
    }

    /// This link brings every logged topic that `current` was asked for or, where there is none, that is wanted: only then
    /// whatever it shows is complete up to there.
    pub(crate) fn brings_all_logged(&self, current: Option<&LinkTopics>, wanted: &Wanted) -> bool {
        let is_asked = |topic: &Topic| {
            let standing = |link: &LinkTopics| link.standing.get(topic.as_str()).copied();
            current.is_none_or(|link| matches!(standing(link), Some(Standing::Asked | Standing::Held)))
        };
        let logged = wanted.topics.keys().filter(|topic| !topic.is_on_demand());
        logged.filter(|topic| is_asked(topic)).all(|topic| self.holds(topic))
    }

    fn holds(&self, topic: &Topic) -> bool {
        self.standing.get(topic.as_str()) == Some(&Standing::Held)
    }

    /// Any subscribe is not answered yet.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.standing.values().any(|standing| *standing == Standing::Asked)
    }

    /// The application wants no more of `topic`, and this link still brings it because of an earlier wish. Default topics
    /// were never wished for: they are never hidden.
    pub(crate) fn hides(&self, wanted: &Wanted, topic: &Topic) -> bool {
        !wanted.contains(topic) && (topic.is_on_demand() || self.standing.contains(topic.as_str()))
    }
}

fn is_for_good(refusal: &TopicRefusal) -> bool {
    match refusal.code {
        RefusalCode::Forbidden | RefusalCode::InvalidTopic => true,
        RefusalCode::LimitExceeded | RefusalCode::Other(_) => false,
    }
}

/// Topics as a frame lists them.
pub(crate) fn requested(topics: &[Topic]) -> Vec<RequestedTopic> {
    topics.iter().cloned().map(Into::into).collect()
}
