//! How a frame that is no event is read: what the host decoded, member by member in the order of `core.ts`.
//!
//! The host has checked the frame, and passes what the core looks at. What is still no position, topic or epoch reads as not given.

use bowline_proto::{
    Accepted, DrainReason, Draining, Gap, GapReason, RefusalCode, Rejected, Seq, ServerFrame, SessionId,
    SubscribeAck, TopicRefusal,
};

use crate::values::Values;

impl Values<'_> {
    pub(crate) fn accepted(&mut self) -> ServerFrame<()> {
        ServerFrame::Accepted(Box::new(Accepted {
            session_id: self.text().and_then(SessionId::new),
            resumed: self.flag(),
            epoch: self.epoch(),
            seq: self.seq(),
            heartbeat: self.millis(),
            max_duration: self.millis(),
            can_resume: self.flag(),
            gaps: self.gaps(),
            ..Accepted::default()
        }))
    }

    pub(crate) fn rejected(&mut self) -> ServerFrame<()> {
        ServerFrame::Rejected(Rejected {
            reason: self.string(),
            message: self.string(),
            retry_after: self.millis(),
        })
    }

    pub(crate) fn subscribe_ack(&mut self) -> ServerFrame<()> {
        let (subscribed, _) = self.topics();
        let mut errors = Vec::new();
        for _ in 0..self.length() / 2 {
            errors.push(TopicRefusal { topic: self.string(), code: self.refusal_code() });
        }
        ServerFrame::SubscribeAck(SubscribeAck { subscribed, errors, seq: self.seq() })
    }

    pub(crate) fn topics_changed(&mut self) -> ServerFrame<()> {
        let ((added, _), (removed, _)) = (self.topics(), self.topics());
        ServerFrame::Topics { added, removed, seq: self.seq().unwrap_or_default() }
    }

    /// A gap of its own; without a topic it says nothing.
    pub(crate) fn gap_frame(&mut self) -> ServerFrame<()> {
        self.gap().map_or(ServerFrame::Unknown, ServerFrame::Gap)
    }

    pub(crate) fn draining(&mut self) -> ServerFrame<()> {
        ServerFrame::Draining(Draining {
            reason: DrainReason::Other,
            slot: self.millis().unwrap_or_default(),
            deadline: self.millis().unwrap_or_default(),
        })
    }

    pub(crate) fn error(&mut self) -> ServerFrame<()> {
        ServerFrame::Error { code: self.string(), message: self.string() }
    }

    fn gaps(&mut self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for _ in 0..self.length() / 4 {
            gaps.extend(self.gap());
        }
        gaps
    }

    fn gap(&mut self) -> Option<Gap> {
        let topic = self.topic();
        let position = |seq: Option<Seq>| seq.unwrap_or_default();
        let (after, before) = (position(self.seq()), position(self.seq()));
        let reason = match self.text() {
            Some("retention") => GapReason::Retention,
            Some("epoch") => GapReason::Epoch,
            Some("missing") => GapReason::Missing,
            Some(_) | None => GapReason::Storage,
        };
        topic.map(|topic| Gap { topic, after, before, reason })
    }

    fn refusal_code(&mut self) -> RefusalCode {
        match self.text().unwrap_or_default() {
            "FORBIDDEN" => RefusalCode::Forbidden,
            "INVALID_TOPIC" => RefusalCode::InvalidTopic,
            "LIMIT_EXCEEDED" => RefusalCode::LimitExceeded,
            other => RefusalCode::Other(other.to_owned()),
        }
    }
}
