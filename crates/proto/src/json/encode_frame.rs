//! How steering frames are written, in the member order of the wire protocol.

use core::convert::Infallible;

use crate::client_frame::{ClientFrame, RequestedTopic};
use crate::json::write::Object;
use crate::server_frame::{Accepted, DrainReason, Gap, GapReason, RefusalCode, ServerFrame, SubscribeAck};
use crate::topic::Topic;

/// Writes a client's frame. [`ClientFrame::Unknown`] becomes an action that nobody knows.
#[must_use]
pub fn encode_client_frame(frame: &ClientFrame) -> String {
    match frame {
        ClientFrame::Ping => act("ping"),
        ClientFrame::Subscribe { topics } => act("subscribe").texts("topics", topics.iter().map(requested)),
        ClientFrame::Unsubscribe { topics } => {
            act("unsubscribe").texts("topics", topics.iter().map(requested))
        }
        ClientFrame::Activity { conversation_id, status } => {
            act("activity").text("conversationId", conversation_id).text("status", status.as_str())
        }
        ClientFrame::Resume(resume) => {
            let object = act("resume")
                .text_if("sessionId", resume.session_id.as_ref().map(|id| id.reveal()))
                .text_if("epoch", resume.epoch.map(|epoch| epoch.to_string()).as_deref())
                .seq("seq", resume.seq);
            if resume.topics.is_empty() {
                object
            } else {
                object.texts("topics", resume.topics.iter().map(requested))
            }
        }
        ClientFrame::Unknown => act("unknown"),
    }
    .finish()
}

/// Writes a gateway's steering frame; events are written once, by [`encode_event`](crate::encode_event), never here.
/// [`ServerFrame::Unknown`] becomes an action that nobody knows.
#[must_use]
pub fn encode_server_frame(frame: &ServerFrame<Infallible>) -> String {
    match frame {
        ServerFrame::Accepted(accepted) => accepted_frame(accepted),
        ServerFrame::Rejected(rejected) => {
            let object = act("connection.rejected")
                .text("reason", &rejected.reason)
                .text("message", &rejected.message);
            match rejected.retry_after {
                Some(after) => object.millis("retryAfterMs", after),
                None => object.raw("retryAfterMs", "null"),
            }
        }
        ServerFrame::Event { body, .. } => match *body {},
        ServerFrame::SubscribeAck(ack) => subscribe_ack(ack),
        ServerFrame::UnsubscribeAck { unsubscribed } => {
            act("unsubscribe_ack").texts("unsubscribed", unsubscribed.iter().map(Topic::as_str))
        }
        ServerFrame::Topics { added, removed, seq } => act("topics")
            .texts("added", added.iter().map(Topic::as_str))
            .texts("removed", removed.iter().map(Topic::as_str))
            .seq("seq", *seq),
        ServerFrame::Gap(gap) => gap_members(act("gap"), gap),
        ServerFrame::Pong { seq } => act("pong").seq_if("seq", *seq),
        ServerFrame::Draining(draining) => act("connection.draining")
            .text("reason", drain_reason(draining.reason))
            .millis("slotMs", draining.slot)
            .millis("deadlineMs", draining.deadline),
        ServerFrame::Error { code, message } => act("error").text("code", code).text("message", message),
        ServerFrame::Unknown => act("unknown"),
    }
    .finish()
}

fn act(action: &str) -> Object {
    Object::starting_with("action", action)
}

fn requested(topic: &RequestedTopic) -> &str {
    match topic {
        RequestedTopic::Valid(topic) => topic.as_str(),
        RequestedTopic::Invalid(text) => text,
    }
}

fn accepted_frame(accepted: &Accepted) -> Object {
    let features = [("resume", accepted.can_resume), ("drain", accepted.can_drain)];
    let object = act("connection.accepted")
        .text_if("connectionId", accepted.connection_id.as_deref())
        .text_if("sessionId", accepted.session_id.as_ref().map(|id| id.reveal()))
        .flag("resumed", accepted.resumed)
        .text_if("epoch", accepted.epoch.map(|epoch| epoch.to_string()).as_deref())
        .seq_if("seq", accepted.seq)
        .millis_if("heartbeatMs", accepted.heartbeat)
        .millis_if("maxDurationMs", accepted.max_duration)
        .texts("features", features.into_iter().filter(|(_, can)| *can).map(|(name, _)| name));
    if accepted.gaps.is_empty() {
        object
    } else {
        object.objects("gaps", accepted.gaps.iter().map(|gap| gap_members(Object::new(), gap)))
    }
}

fn subscribe_ack(ack: &SubscribeAck) -> Object {
    let refusals = ack
        .errors
        .iter()
        .map(|refusal| Object::new().text("topic", &refusal.topic).text("code", refusal_code(&refusal.code)));
    act("subscribe_ack")
        .texts("subscribed", ack.subscribed.iter().map(Topic::as_str))
        .objects("errors", refusals)
        .seq_if("seq", ack.seq)
}

fn gap_members(object: Object, gap: &Gap) -> Object {
    let reason = match gap.reason {
        GapReason::Retention => "retention",
        GapReason::Epoch => "epoch",
        GapReason::Storage => "storage",
        GapReason::Missing => "missing",
    };
    object
        .text("topic", gap.topic.as_str())
        .seq("after", gap.after)
        .seq("before", gap.before)
        .text("reason", reason)
}

fn refusal_code(code: &RefusalCode) -> &str {
    match code {
        RefusalCode::Forbidden => "FORBIDDEN",
        RefusalCode::InvalidTopic => "INVALID_TOPIC",
        RefusalCode::LimitExceeded => "LIMIT_EXCEEDED",
        RefusalCode::Other(name) => name,
    }
}

fn drain_reason(reason: DrainReason) -> &'static str {
    match reason {
        DrainReason::Shutdown => "shutdown",
        DrainReason::Rebalance => "rebalance",
        DrainReason::MaxDuration => "max_duration",
        DrainReason::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::position::Seq;
    use crate::topic::MAX_TOPIC_BYTES;

    #[test]
    fn an_acceptance_with_a_hundred_gaps_of_the_longest_topics_is_no_longer_than_a_message() {
        let longest = format!("q:{}", "\"".repeat(MAX_TOPIC_BYTES - 2));
        let gap = Gap {
            topic: Topic::new(&longest).unwrap(),
            after: Seq::MAX,
            before: Seq::MAX,
            reason: GapReason::Retention,
        };
        let accepted = Accepted { gaps: vec![gap; 100], ..Accepted::default() };
        let text = encode_server_frame(&ServerFrame::Accepted(Box::new(accepted)));
        assert!(text.len() + 1024 < Limits::default().message_bytes, "{} bytes", text.len());
    }
}
