//! How a link comes to be: credential, dial, resume, accept. Each step has its own deadline, and every failure of a step
//! ends in one of two places: the gate of the retries, or the next try of a handover.

use std::sync::Arc;

use bowline_proto::{Accepted, ClientFrame, Cursor, Gap, Rejected, Resume, Time};
use tracing::{debug, warn};

use crate::client_core::{ClientCore, Life, Reading};
use crate::link::{Approach, Current, Stream};
use crate::liveness::Liveness;
use crate::renewal::Window;
use crate::subscriptions::{LinkTopics, requested};
use crate::timers::Timer;
use crate::verdict::Verdict;
use crate::vocabulary::{ConnectionState, FetchId, Layer, LinkId, Notice, Occasion, Output};

impl<B> ClientCore<B> {
    /// Starts an attempt where there is no link.
    pub(crate) fn begin_attempt(&mut self, now: Time) {
        self.timers.clear(Timer::Reconnect);
        let approach = self.ask_for_credential(now);
        self.life = Life::Approaching(approach);
    }

    /// The turn at the gate has come.
    pub(crate) fn retry_is_due(&mut self, now: Time) {
        self.notify(Notice::AttemptStarted { attempt: self.gate.attempts() });
        self.begin_attempt(now);
    }

    /// Every link is dialled with a fresh credential.
    pub(crate) fn ask_for_credential(&mut self, now: Time) -> Approach {
        let fetch = self.new_fetch();
        self.order(Output::FetchCredential { fetch });
        self.timers.set(Timer::Credential, now + self.config.credential_deadline);
        Approach::AwaitCredential { fetch }
    }

    pub(crate) fn awaits_credential(&self, asked: FetchId) -> bool {
        matches!(self.approach(), Some(Approach::AwaitCredential { fetch }) if *fetch == asked)
    }

    pub(crate) fn credential_ready(&mut self, now: Time, fetch: FetchId) {
        if !self.awaits_credential(fetch) {
            return;
        }
        let (link, layer) = (self.new_link(), self.layer);
        let Some(approach) = self.approach_mut() else { return };
        *approach = Approach::AwaitOpened { link, layer };
        self.timers.clear(Timer::Credential);
        self.timers.set(Timer::Dial, now + self.config.dial_deadline);
        debug!(link = link.0, ?layer, "dialling");
        self.order(Output::Dial { link, fetch, layer });
    }

    pub(crate) fn opened(&mut self, now: Time, opened: LinkId) {
        let Some(Approach::AwaitOpened { link, layer }) = self.approach() else { return };
        if *link != opened {
            return;
        }
        let (link, layer) = (*link, *layer);
        self.timers.clear(Timer::Dial);
        self.expect_accept(now);
        match layer {
            Layer::Resume => self.resume(link),
            Layer::Plain => {
                let topics = LinkTopics::default();
                self.advance_approach(Approach::AwaitAccepted { link, layer, presented: None, topics });
            }
        }
    }

    /// Sends `resume` as soon as it is known which topics the current link delivers.
    fn resume(&mut self, link: LinkId) {
        let held = self.current().map(|current| &current.topics);
        if held.is_some_and(LinkTopics::awaits_logged_answer) {
            self.advance_approach(Approach::AwaitAnswers { link });
            return;
        }
        let listed = self.wanted.for_resume(held);
        let presented = self.delivery.cursor();
        let frame = ClientFrame::Resume(Resume {
            session_id: self.session.clone(),
            epoch: presented.map(|cursor| cursor.epoch),
            seq: presented.map(|cursor| cursor.seq).unwrap_or_default(),
            topics: requested(&listed),
        });
        self.send(link, frame);
        let topics = LinkTopics::presented(&listed);
        self.advance_approach(Approach::AwaitAccepted { link, layer: Layer::Resume, presented, topics });
    }

    /// The current link has answered, or is gone.
    pub(crate) fn resume_when_answered(&mut self) {
        if let Some(Approach::AwaitAnswers { link }) = self.approach() {
            let link = *link;
            self.resume(link);
        }
    }

    fn advance_approach(&mut self, next: Approach) {
        if let Some(approach) = self.approach_mut() {
            *approach = next;
        }
    }

    /// A driver that does not read can't see an accept: then the wait starts when it reads again.
    pub(crate) fn expect_accept(&mut self, now: Time) {
        if self.reading == Reading::Running {
            self.timers.set(Timer::Accept, now + self.config.accept_deadline);
        }
    }

    /// `connection.rejected`: the close that follows says whether to come again.
    pub(crate) fn approach_rejected(&mut self, now: Time, rejected: Rejected) {
        let Some(link) = self.approach().and_then(Approach::link) else { return };
        if self.current().is_none() {
            self.notify(Notice::Rejected(rejected.clone()));
        }
        self.timers.set(Timer::Accept, now + self.config.close_deadline);
        self.advance_approach(Approach::AwaitRejectedClose { link, rejected });
    }

    /// `connection.accepted` on the link that is on its way.
    pub(crate) fn accepted(&mut self, now: Time, accepted: Accepted) {
        let start = positions(&accepted);
        if matches!(self.approach(), Some(Approach::AwaitRejectedClose { .. })) {
            warn!("accepted after it was rejected");
            return;
        }
        let is_plain = matches!(self.approach(), Some(Approach::AwaitAccepted { layer: Layer::Plain, .. }));
        let knows_cursor = self.delivery.cursor().is_some();
        if is_plain && start.is_some() && knows_cursor {
            // A plain link starts at the head: whatever lies between it and our cursor, a resume brings.
            self.layer = Layer::Resume;
            self.approach_failed(now, Verdict::retry("the gateway can resume again"));
            return;
        }
        let is_step_down = start.is_none()
            && self.current().is_some_and(|current| matches!(current.stream, Stream::Logged(_)));
        if is_step_down {
            // A link without positions does not replace one that has them: what it brings twice could not be told.
            self.approach_failed(now, Verdict::retry("the successor can't resume"));
            return;
        }
        let Some((approach, before)) = self.take_accepted() else { return };
        let Some(link) = approach.link() else { return };
        let (presented, topics) = match approach {
            Approach::AwaitAccepted { presented, topics, .. } if start.is_some() => (presented, topics),
            _ => (None, LinkTopics::default()),
        };
        debug!(link = link.0, resumed = accepted.resumed, logged = start.is_some(), "accepted");

        let occasion = match (&before, &self.state) {
            (Some(_), _) => Occasion::Handover,
            (None, ConnectionState::Connecting) => Occasion::Connect,
            (None, _) => Occasion::Reconnect,
        };
        if accepted.session_id.is_some() {
            self.session.clone_from(&accepted.session_id);
        }
        let accepted = Arc::new(accepted);
        self.notify(Notice::Accepted { accepted: Arc::clone(&accepted), occasion });
        self.go_on(presented, start, accepted.resumed, accepted.gaps.clone());

        if let Some(before) = before {
            self.retire(now, *before, start);
        } else {
            self.gate.went_up(now);
        }
        let mut liveness = Liveness::new(now, accepted.heartbeat, &self.config, &mut self.timers);
        if self.reading == Reading::Paused {
            liveness.pause(&mut self.timers);
        }
        let stream = start.map_or(Stream::Plain, |cursor| Stream::Logged(cursor.epoch));
        let max_duration = accepted.max_duration;
        let window = Window::planned(now, max_duration, &self.config, &mut self.random);
        let current = Current {
            link,
            stream,
            topics,
            liveness,
            accepted_at: now,
            max_duration,
            window,
            tries: 0,
            rejected: None,
        };
        self.life = Life::Live { current: current.into(), successor: None };
        self.arm_handover();
        if occasion != Occasion::Handover {
            self.set_state(ConnectionState::Connected);
        }
        self.greet(now, occasion);
    }

    /// Takes the accepted approach out, and the link that has been the current one until now.
    fn take_accepted(&mut self) -> Option<(Approach, Option<Box<Current>>)> {
        self.timers.clear(Timer::Accept);
        match core::mem::replace(&mut self.life, Life::AwaitRetry) {
            Life::Approaching(approach) => Some((approach, None)),
            Life::Live { current, successor: Some(approach) } => Some((approach, Some(current))),
            other @ (Life::Idle
            | Life::AwaitRetry
            | Life::Live { successor: None, .. }
            | Life::Closing
            | Life::Closed) => {
                self.life = other;
                None
            }
        }
    }

    /// Settles where the reader stands.
    fn go_on(&mut self, presented: Option<Cursor>, start: Option<Cursor>, is_resumed: bool, gaps: Vec<Gap>) {
        let Some(start) = start else {
            if self.layer == Layer::Resume
                && let Some(after) = self.delivery.cursor()
            {
                self.notify(Notice::Skipped { after, now: None });
            }
            self.layer = Layer::Plain;
            return;
        };
        self.layer = Layer::Resume;
        let continuation = self.delivery.go_on(presented, start, is_resumed, gaps);
        for gap in continuation.gaps {
            self.notify(Notice::Gap(gap));
        }
        let now = self.delivery.cursor();
        if let Some(after) = continuation.skipped {
            self.notify(Notice::Skipped { after, now });
        }
        if let Some(cursor) = now {
            self.notify(Notice::Moved(cursor));
        }
    }

    /// What a new current link hears first: topics, then what is going on, then the messages that waited.
    fn greet(&mut self, now: Time, occasion: Occasion) {
        self.catch_up_topics();
        let Some(link) = self.current().map(|current| current.link) else { return };
        match occasion {
            // The gateway's leases belong to the account and go on; the next heartbeat goes to the new link.
            Occasion::Handover => {}
            Occasion::Connect | Occasion::Reconnect => {
                let frames = self.activities.say_all(now);
                self.send_all(link, frames);
            }
        }
        self.activities.arm(self.line(), &mut self.timers);
        for (message, _) in self.outbox.take_all() {
            self.order(Output::SendMessage { link, message });
        }
        self.close_when_answered(now);
    }
}

/// Where a stream starts that a resume can go on from. A server that gives positions but can't resume is a plain one:
/// its positions would be promises that nobody keeps.
fn positions(accepted: &Accepted) -> Option<Cursor> {
    match (accepted.epoch, accepted.seq, accepted.can_resume) {
        (Some(epoch), Some(seq), true) => Some(Cursor { epoch, seq }),
        _ => None,
    }
}
