//! What a client makes of a server's text (wire protocol, section 3). Strict where a position is at stake, lenient towards
//! servers that know only the plain layer.

use std::sync::Arc;

use bytes::Bytes;

use crate::client_frame::SessionId;
use crate::event::Event;
use crate::json::decode_client::cut;
use crate::json::digest::digest;
use crate::json::error::DecodeError;
use crate::json::frame_decoder::Names;
use crate::json::members::{Member, checked_members, members};
use crate::limits::Limits;
use crate::server_frame::{
    Accepted, DrainReason, Draining, EventHead, Gap, GapReason, Place, RefusalCode, Rejected, ServerFrame,
    SubscribeAck, TopicRefusal,
};
use crate::topic::Topic;

/// Reads a server's message. An event's payload and text are slices of `text`, nothing is copied. An action of a later
/// version is [`ServerFrame::Unknown`]; where a message has both, `action` counts and `type` does not.
///
/// ```
/// use bowline_proto::{Limits, ServerFrame, decode_server_frame};
/// use bytes::Bytes;
///
/// let text = Bytes::from_static(br#"{"type":"greeting","topic":"conv:c1","seq":7,"prev":3,"payload":{"text":"hi"}}"#);
/// let Ok(ServerFrame::Event { head, body }) = decode_server_frame(&text, &Limits::default()) else { panic!() };
/// assert_eq!(head.place.map(|place| place.seq.get()), Some(7));
/// assert_eq!(body.payload, r#"{"text":"hi"}"#);
/// ```
///
/// # Errors
/// [`DecodeError`] says which rule it breaks.
pub fn decode_server_frame(text: &Bytes, limits: &Limits) -> Result<ServerFrame<Event>, DecodeError> {
    decode(text, limits, &mut Names::forgetful())
}

/// [`decode_server_frame`], with the names of earlier frames.
pub(crate) fn decode(
    text: &Bytes,
    limits: &Limits,
    names: &mut Names,
) -> Result<ServerFrame<Event>, DecodeError> {
    let (checked, [action, kind, timestamp, topic, seq, prev, payload]) =
        checked_members(text, limits, ["action", "type", "timestamp", "topic", "seq", "prev", "payload"])?;
    if let Some(name) = action.text()? {
        return steering_frame(&name, checked);
    }
    let kind = kind.text()?.ok_or(action.missing())?;
    let place = match (seq.seq()?, prev.seq()?) {
        (Some(seq), Some(prev)) => Some(Place { seq, prev }),
        // A plain server's own numbering: nothing to go by.
        (Some(_), None) | (None, _) => None,
    };
    let topic = match place {
        // Whoever gives places speaks the resume layer, where a place without its topic proves nothing.
        Some(_) => {
            let text = topic.required(topic.text()?)?;
            Some(names.topic(&text).ok_or(topic.wrong_type())?)
        }
        None => topic.text_if_any().and_then(|text| names.topic(&text)),
    };
    Ok(ServerFrame::Event {
        head: EventHead { topic: topic.clone(), place, digest: digest(text) },
        body: Event {
            kind: names.kind(&kind),
            timestamp: timestamp.text_if_any().as_deref().unwrap_or_default().into(),
            topic,
            place,
            payload: payload.raw().map(|raw| text.slice_ref(raw.as_bytes())).unwrap_or_default(),
            text: text.clone(),
        },
    })
}

fn steering_frame(action: &str, text: &str) -> Result<ServerFrame<Event>, DecodeError> {
    Ok(match action {
        "connection.accepted" => ServerFrame::Accepted(Box::new(accepted(text)?)),
        "connection.rejected" => ServerFrame::Rejected(rejected(text)?),
        "subscribe_ack" => ServerFrame::SubscribeAck(subscribe_ack(text)?),
        "unsubscribe_ack" => {
            let [ours, plain] = members(text, ["unsubscribed", "topics"])?;
            ServerFrame::UnsubscribeAck { unsubscribed: topics(first_given(ours, plain))? }
        }
        "topics" => {
            let [added, removed, seq] = members(text, ["added", "removed", "seq"])?;
            let position = seq.required(seq.seq()?)?;
            ServerFrame::Topics { added: topics(added)?, removed: topics(removed)?, seq: position }
        }
        "gap" => ServerFrame::Gap(gap(members(text, GAP)?)?),
        "pong" => {
            let [seq] = members(text, ["seq"])?;
            ServerFrame::Pong { seq: seq.seq()? }
        }
        "connection.draining" => ServerFrame::Draining(draining(text)?),
        "error" => {
            let [code, message] = members(text, ["code", "message"])?;
            ServerFrame::Error {
                code: code.text_if_any().unwrap_or_default().into_owned(),
                message: message.text_if_any().unwrap_or_default().into_owned(),
            }
        }
        _ => ServerFrame::Unknown,
    })
}

fn accepted(text: &str) -> Result<Accepted, DecodeError> {
    let [connection_id, session_id, resumed, epoch, seq, heartbeat, max_duration, features, gaps] = members(
        text,
        [
            "connectionId",
            "sessionId",
            "resumed",
            "epoch",
            "seq",
            "heartbeatMs",
            "maxDurationMs",
            "features",
            "gaps",
        ],
    )?;
    let mut accepted = Accepted {
        // A plain server's ids may be anything: they must not cost the connection.
        connection_id: connection_id.text_if_any().map(Arc::from),
        session_id: session_id.text_if_any().and_then(|text| SessionId::new(&text)),
        resumed: resumed.flag()?,
        epoch: epoch.epoch()?,
        seq: seq.seq()?,
        heartbeat: heartbeat.millis()?,
        max_duration: max_duration.millis()?,
        can_resume: false,
        can_drain: false,
        gaps: Vec::new(),
    };
    features.each(|feature| {
        match feature.text_if_any().as_deref() {
            Some("resume") => accepted.can_resume = true,
            Some("drain") => accepted.can_drain = true,
            Some(_) | None => {}
        }
        Ok(())
    })?;
    gaps.each(|item| {
        accepted.gaps.push(gap(item.members(GAP)?)?);
        Ok(())
    })?;
    Ok(accepted)
}

fn rejected(text: &str) -> Result<Rejected, DecodeError> {
    let [reason, message, retry_after] = members(text, ["reason", "message", "retryAfterMs"])?;
    Ok(Rejected {
        reason: reason.text_if_any().unwrap_or_default().into_owned(),
        message: message.text_if_any().unwrap_or_default().into_owned(),
        retry_after: retry_after.millis()?,
    })
}

fn subscribe_ack(text: &str) -> Result<SubscribeAck, DecodeError> {
    let [ours, plain, errors, seq] = members(text, ["subscribed", "topics", "errors", "seq"])?;
    let mut refusals = Vec::new();
    errors.each(|item| {
        let [topic, code] = item.members(["topic", "code"])?;
        refusals.push(TopicRefusal {
            topic: cut(topic.required(topic.text()?)?),
            code: refusal_code(&code.text_if_any().unwrap_or_default()),
        });
        Ok(())
    })?;
    Ok(SubscribeAck { subscribed: topics(first_given(ours, plain))?, errors: refusals, seq: seq.seq()? })
}

fn refusal_code(name: &str) -> RefusalCode {
    match name {
        "FORBIDDEN" => RefusalCode::Forbidden,
        "INVALID_TOPIC" => RefusalCode::InvalidTopic,
        "LIMIT_EXCEEDED" => RefusalCode::LimitExceeded,
        other => RefusalCode::Other(other.to_owned()),
    }
}

fn draining(text: &str) -> Result<Draining, DecodeError> {
    let [reason, slot, deadline] = members(text, ["reason", "slotMs", "deadlineMs"])?;
    Ok(Draining {
        reason: match reason.text_if_any().as_deref() {
            Some("shutdown") => DrainReason::Shutdown,
            Some("rebalance") => DrainReason::Rebalance,
            Some("max_duration") => DrainReason::MaxDuration,
            Some(_) | None => DrainReason::Other,
        },
        slot: slot.required(slot.millis()?)?,
        deadline: deadline.required(deadline.millis()?)?,
    })
}

const GAP: [&str; 4] = ["topic", "after", "before", "reason"];

fn gap([topic, after, before, reason]: [Member<'_>; 4]) -> Result<Gap, DecodeError> {
    Ok(Gap {
        topic: topic.required(topic.topic()?)?,
        after: after.required(after.seq()?)?,
        before: before.required(before.seq()?)?,
        reason: match reason.text_if_any().as_deref() {
            Some("retention") => GapReason::Retention,
            Some("epoch") => GapReason::Epoch,
            Some("missing") => GapReason::Missing,
            // Whatever a later version calls it: the gateway does not have them.
            Some(_) | None => GapReason::Storage,
        },
    })
}

/// A list of topics that the server made. What is no topic can't be one that the client knows, and is left out.
fn topics(list: Member<'_>) -> Result<Vec<Topic>, DecodeError> {
    let mut topics = Vec::new();
    list.each(|item| {
        let text = item.text()?.ok_or(item.wrong_type())?;
        topics.extend(Topic::new(&text).ok());
        Ok(())
    })?;
    Ok(topics)
}

fn first_given<'a>(ours: Member<'a>, plain: Member<'a>) -> Member<'a> {
    if ours.is_given() { ours } else { plain }
}
