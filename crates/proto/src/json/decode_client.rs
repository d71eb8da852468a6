//! What the gateway makes of a client's text (wire protocol, section 4). Strict: a client can be told what is wrong.

use std::borrow::Cow;

use crate::activity::ActivityStatus;
use crate::client_frame::{ClientFrame, RequestedTopic, Resume, SessionId};
use crate::json::error::DecodeError;
use crate::json::members::{Member, checked_members};
use crate::limits::Limits;
use crate::position::Seq;
use crate::topic::{MAX_TOPIC_BYTES, Topic};

/// Reads a client's message. Members and actions of a later version are ignored ([`ClientFrame::Unknown`]).
///
/// ```
/// use bowline_proto::{ClientFrame, DecodeError, Limits, decode_client_frame};
///
/// let limits = Limits::default();
/// assert_eq!(decode_client_frame(br#"{"action":"ping"}"#, &limits), Ok(ClientFrame::Ping));
/// assert_eq!(decode_client_frame(br#"["ping"]"#, &limits), Err(DecodeError::NotAnObject));
/// ```
///
/// # Errors
/// [`DecodeError`] says which rule it breaks.
pub fn decode_client_frame(text: &[u8], limits: &Limits) -> Result<ClientFrame, DecodeError> {
    let (_, [action, topics, conversation_id, status, session_id, epoch, seq]) = checked_members(
        text,
        limits,
        ["action", "topics", "conversationId", "status", "sessionId", "epoch", "seq"],
    )?;
    let name = action.required(action.text()?)?;
    Ok(match &*name {
        "ping" => ClientFrame::Ping,
        "subscribe" => ClientFrame::Subscribe { topics: required_topics(topics, limits)? },
        "unsubscribe" => ClientFrame::Unsubscribe { topics: required_topics(topics, limits)? },
        "activity" => ClientFrame::Activity {
            conversation_id: conversation_id.required(conversation_id.text()?)?.into(),
            status: ActivityStatus::from_name(&status.required(status.text()?)?),
        },
        "resume" => {
            let text = session_id.text()?;
            let proof = text.map(|text| SessionId::new(&text).ok_or(session_id.wrong_type())).transpose()?;
            let position = seq.required(seq.seq()?)?;
            let log = epoch.epoch()?;
            if position > Seq::ZERO {
                epoch.required(log)?;
            }
            ClientFrame::Resume(Resume {
                session_id: proof,
                epoch: log,
                seq: position,
                topics: requested_topics(topics, limits)?,
            })
        }
        _ => ClientFrame::Unknown,
    })
}

fn required_topics(list: Member<'_>, limits: &Limits) -> Result<Vec<RequestedTopic>, DecodeError> {
    if !list.is_given() {
        return Err(list.missing());
    }
    requested_topics(list, limits)
}

/// Counts while it reads: what is above the limit is never collected.
fn requested_topics(list: Member<'_>, limits: &Limits) -> Result<Vec<RequestedTopic>, DecodeError> {
    let mut topics = Vec::new();
    list.each(|item| {
        if topics.len() == limits.topics_per_frame {
            return Err(DecodeError::TooManyTopics { limit: limits.topics_per_frame });
        }
        let text = item.text()?.ok_or(item.wrong_type())?;
        topics.push(match Topic::new(&text) {
            Ok(topic) => RequestedTopic::Valid(topic),
            Err(_) => RequestedTopic::Invalid(cut(text)),
        });
        Ok(())
    })?;
    Ok(topics)
}

/// As much of a refused topic as is worth telling: whole characters, at most [`MAX_TOPIC_BYTES`].
pub(crate) fn cut(text: Cow<'_, str>) -> String {
    if text.len() <= MAX_TOPIC_BYTES {
        return text.into_owned();
    }
    let end = (0..=MAX_TOPIC_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_topic_is_cut_between_characters() {
        assert_eq!(cut("abc".into()), "abc");
        assert_eq!(cut("é".repeat(200).into()).len(), 256);
        assert_eq!(cut(format!("a{}", "é".repeat(200)).into()).len(), 255);
    }
}
