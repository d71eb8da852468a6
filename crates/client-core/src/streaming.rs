//! What the frames of a link mean: events and positions from any accepted link, steering from the current one only.

use bowline_proto::{
    Cursor, Draining, Epoch, EventHead, Gap, Place, Rejected, Seq, ServerFrame, SubscribeAck, Time, Topic,
};
use tracing::{trace, warn};

use crate::client_core::{ClientCore, Life};
use crate::copies::Overlap;
use crate::delivery::Judgement;
use crate::link::{Approach, Stream};
use crate::liveness::Manners;
use crate::subscriptions::LinkTopics;
use crate::vocabulary::{LinkId, Notice, Output};

/// Which part a link plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// On its way and open.
    Approach,
    /// The one that steers.
    Current(Stream),
    /// Still read.
    Retired(Stream),
}

impl<B> ClientCore<B> {
    /// Bytes came on a link: it lives.
    pub(crate) fn heard(&mut self, now: Time, link: LinkId) {
        if let Life::Live { current, .. } = &mut self.life
            && current.link == link
        {
            current.liveness.heard(now, &mut self.timers);
        }
    }

    /// A frame came.
    pub(crate) fn frame(&mut self, now: Time, link: LinkId, frame: ServerFrame<B>) {
        self.heard(now, link);
        let Some(part) = self.part_of(link) else { return };
        trace!(link = link.0, ?part, "frame");
        match frame {
            ServerFrame::Accepted(accepted) => match part {
                Part::Approach => self.accepted(now, *accepted),
                Part::Current(_) | Part::Retired(_) => warn!(link = link.0, "accepted twice"),
            },
            ServerFrame::Rejected(rejected) => match part {
                Part::Approach => self.approach_rejected(now, rejected),
                Part::Current(_) => self.rejected_late(rejected),
                Part::Retired(_) => {}
            },
            ServerFrame::Event { head, body } => match part {
                Part::Approach if head.place.is_some() => warn!(link = link.0, "an event before the accept"),
                Part::Approach => self.deliver_unplaced(now, link, &head, body),
                Part::Current(stream) | Part::Retired(stream) => self.event(now, link, stream, &head, body),
            },
            ServerFrame::Pong { seq } => {
                if part != Part::Approach {
                    self.manners = Manners::AnswersPings;
                }
                self.passed(part, seq);
            }
            ServerFrame::SubscribeAck(ack) => self.subscribe_answered(now, link, part, ack),
            ServerFrame::UnsubscribeAck { unsubscribed } => {
                self.unsubscribe_answered(link, part, unsubscribed)
            }
            ServerFrame::Topics { added, removed, seq } => {
                added.iter().chain(&removed).for_each(|topic| self.delivery.interrupt(topic.as_str()));
                // Both links of an overlap say it; the first one moves the cursor.
                if self.passed(part, Some(seq)) {
                    self.notify(Notice::TopicsChanged { added, removed });
                }
            }
            ServerFrame::Gap(gap) => self.gap(link, part, gap),
            ServerFrame::Draining(draining) => self.draining(now, part, draining),
            ServerFrame::Error { code, message } => {
                warn!(link = link.0, code, "the gateway refused a frame");
                self.notify(Notice::GatewayError { code, message });
            }
            ServerFrame::Unknown => {}
        }
    }

    /// Something came that is no frame. It may have been an event: once per position the stream is taken up again from
    /// the cursor.
    pub(crate) fn bad_frame(&mut self, now: Time, link: LinkId, why: &str) {
        self.heard(now, link);
        let Some(part) = self.part_of(link) else { return };
        warn!(link = link.0, why, "bad frame");
        self.notify(Notice::Trouble("a frame was not understood: ".to_owned() + why));
        if matches!(part, Part::Current(Stream::Logged(_))) && self.delivery.doubt() {
            self.give_up_current(now, "a frame was not understood");
        }
    }

    fn part_of(&mut self, link: LinkId) -> Option<Part> {
        if let Some(current) = self.current().filter(|current| current.link == link) {
            return Some(Part::Current(current.stream));
        }
        let is_approach = |approach: &&Approach| approach.is_open() && approach.link() == Some(link);
        if self.approach().filter(is_approach).is_some() {
            return Some(Part::Approach);
        }
        // After `Close` nothing is delivered any more: it is still there for whoever goes on from the cursor.
        if matches!(self.life, Life::Closing) {
            return None;
        }
        let index = self.retired.iter().position(|retired| retired.link == link)?;
        // What it shows would move the cursor past events of a topic that it does not bring. It is read for speed only:
        // the current link brings everything. Once something of it was not read, nothing of it is: what it shows next
        // would move the cursor past that.
        let current = self.current().map(|current| &current.topics);
        let is_complete = self.retired[index].topics.brings_all_logged(current, &self.wanted);
        let retired = &mut self.retired[index];
        retired.was_passed_over |= !is_complete;
        let is_read = retired.stream == Stream::Plain || !retired.was_passed_over;
        is_read.then_some(Part::Retired(retired.stream))
    }

    fn event(&mut self, now: Time, link: LinkId, stream: Stream, head: &EventHead, body: B) {
        match (stream, head.place) {
            (Stream::Logged(epoch), Some(place)) => self.deliver_placed(now, link, epoch, head, place, body),
            (Stream::Logged(_) | Stream::Plain, _) => self.deliver_unplaced(now, link, head, body),
        }
    }

    fn deliver_placed(
        &mut self,
        now: Time,
        link: LinkId,
        epoch: Epoch,
        head: &EventHead,
        place: Place,
        body: B,
    ) {
        if self.is_hidden(link, head.topic.as_ref()) || self.is_copy_of_unplaced(now, link, head) {
            let moved = self.delivery.leave_out(epoch, head.topic.as_ref(), place.seq);
            self.tell_moved(moved);
            return;
        }
        match self.delivery.judge(epoch, head.topic.as_ref(), place) {
            Judgement::Next(cursor) => self.order(Output::Deliver { body, cursor: Some(cursor) }),
            Judgement::NextBehind(gap, cursor) => {
                self.notify(Notice::Gap(gap));
                self.order(Output::Deliver { body, cursor: Some(cursor) });
            }
            Judgement::Seen => {}
            Judgement::Hole => {
                warn!(
                    link = link.0,
                    seq = place.seq.get(),
                    prev = place.prev.get(),
                    "the link skipped an event"
                );
                self.notify(Notice::Trouble("the gateway skipped an event; going back for it".to_owned()));
                self.distrust(now, link);
            }
        }
    }

    /// Signals, and every event of a plain server.
    fn deliver_unplaced(&mut self, now: Time, link: LinkId, head: &EventHead, body: B) {
        if self.is_hidden(link, head.topic.as_ref()) {
            return;
        }
        let overlap = self.overlap();
        if self.copies.is_copy(now, link, head.digest, overlap) {
            return;
        }
        self.order(Output::Deliver { body, cursor: None });
    }

    /// A server that was plain when the other link was accepted, and now has positions.
    fn is_copy_of_unplaced(&mut self, now: Time, link: LinkId, head: &EventHead) -> bool {
        let has_plain_twin = self.retired.iter().any(|retired| retired.stream == Stream::Plain);
        has_plain_twin && self.copies.is_copy(now, link, head.digest, Overlap::Present)
    }

    /// A link that skipped an event brings no more.
    fn distrust(&mut self, now: Time, link: LinkId) {
        if let Some(index) = self.retired.iter().position(|retired| retired.link == link) {
            self.retired.remove(index);
            self.order(Output::Abort { link });
            self.arm_retire();
        } else {
            self.give_up_current(now, "the gateway skipped an event");
        }
    }

    fn is_hidden(&self, link: LinkId, topic: Option<&Topic>) -> bool {
        let Some(topic) = topic else { return false };
        match self.topics_of(link) {
            Some(topics) => topics.hides(&self.wanted, topic),
            None => topic.is_on_demand() && !self.wanted.contains(topic),
        }
    }

    fn topics_of(&self, link: LinkId) -> Option<&LinkTopics> {
        match self.current().filter(|current| current.link == link) {
            Some(current) => Some(&current.topics),
            None => self.retired.iter().find(|retired| retired.link == link).map(|retired| &retired.topics),
        }
    }

    fn topics_of_mut(&mut self, link: LinkId) -> Option<&mut LinkTopics> {
        if let Life::Live { current, .. } = &mut self.life
            && current.link == link
        {
            return Some(&mut current.topics);
        }
        self.retired.iter_mut().find(|retired| retired.link == link).map(|retired| &mut retired.topics)
    }

    /// A link says how far its stream has come. Whether that moved the cursor.
    fn passed(&mut self, part: Part, seq: Option<Seq>) -> bool {
        match (part, seq) {
            (Part::Current(Stream::Logged(epoch)) | Part::Retired(Stream::Logged(epoch)), Some(seq)) => {
                self.advance(epoch, seq)
            }
            (Part::Approach | Part::Current(_) | Part::Retired(_), _) => false,
        }
    }

    fn advance(&mut self, epoch: Epoch, seq: Seq) -> bool {
        let moved = self.delivery.advance(epoch, seq);
        self.tell_moved(moved)
    }

    fn tell_moved(&mut self, moved: Option<Cursor>) -> bool {
        if let Some(cursor) = moved {
            self.notify(Notice::Moved(cursor));
        }
        moved.is_some()
    }

    fn subscribe_answered(&mut self, now: Time, link: LinkId, part: Part, ack: SubscribeAck) {
        ack.subscribed.iter().for_each(|topic| self.delivery.interrupt(topic.as_str()));
        ack.errors.iter().for_each(|refusal| self.delivery.interrupt(&refusal.topic));
        let Some(topics) = self.topics_of_mut(link) else { return };
        let mut ack = topics.answered(ack);
        self.passed(part, ack.seq);
        if let Part::Current(stream) = part {
            ack.seq = self.delivered_from(stream, ack.seq);
            let Life::Live { current, .. } = &self.life else { return };
            if let Some(news) = self.wanted.answered(ack, &current.topics) {
                self.notify(Notice::SubscribeAck(news));
            }
            self.resume_when_answered();
            self.close_when_answered(now);
        }
    }

    /// From where on the application gets a topic that a link delivers behind `seq`: that link may be behind the cursor, which
    /// another one has moved, and nothing up to the cursor is handed on.
    fn delivered_from(&self, stream: Stream, seq: Option<Seq>) -> Option<Seq> {
        let Stream::Logged(epoch) = stream else { return seq };
        let cursor = self.delivery.cursor().filter(|cursor| cursor.epoch == epoch);
        seq.map(|seq| cursor.map_or(seq, |cursor| seq.max(cursor.seq)))
    }

    fn unsubscribe_answered(&mut self, link: LinkId, part: Part, unsubscribed: Vec<Topic>) {
        unsubscribed.iter().for_each(|topic| self.delivery.interrupt(topic.as_str()));
        if let Some(topics) = self.topics_of_mut(link) {
            topics.left(&unsubscribed);
        }
        if let Part::Current(_) = part {
            self.notify(Notice::UnsubscribeAck(unsubscribed));
        }
    }

    fn gap(&mut self, link: LinkId, part: Part, gap: Gap) {
        let epoch = match part {
            Part::Current(Stream::Logged(epoch)) | Part::Retired(Stream::Logged(epoch)) => epoch,
            Part::Approach | Part::Current(Stream::Plain) | Part::Retired(Stream::Plain) => return,
        };
        if self.is_hidden(link, Some(&gap.topic)) {
            return;
        }
        for news in self.delivery.narrow(epoch, gap) {
            self.notify(Notice::Gap(news));
        }
    }

    fn draining(&mut self, now: Time, part: Part, draining: Draining) {
        match part {
            Part::Current(_) => self.drained(now, draining),
            Part::Approach | Part::Retired(_) => {}
        }
    }

    fn rejected_late(&mut self, rejected: Rejected) {
        self.notify(Notice::Rejected(rejected.clone()));
        if let Life::Live { current, .. } = &mut self.life {
            current.rejected = Some(rejected);
        }
    }
}
