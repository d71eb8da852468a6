//! A client's message is read as serde_json reads it, and what was understood survives the way there and back.

use bowline_proto::{
    ActivityStatus, ClientFrame, Epoch, Limits, MAX_TOPIC_BYTES, RequestedTopic, Resume, Seq, SessionId,
    Topic, check_json, decode_client_frame, encode_client_frame,
};
use serde_json::value::RawValue;

use crate::json_text::{Members, checked, seq, text, the_long_way};

/// Small enough that a fuzzer reaches them.
const LIMITS: Limits = Limits { message_bytes: 4096, depth: 8, topics_per_frame: 5 };

/// One message of a client.
pub fn client_frames(message: &[u8]) {
    assert_eq!(check_json(message, &LIMITS), checked(message, &LIMITS));
    let decoded = decode_client_frame(message, &LIMITS);
    let expected = Members::read(message, &LIMITS);
    match (&decoded, &expected) {
        (Err(error), Err(reason)) => assert_eq!(error, reason),
        (Ok(frame), Err(reason)) => panic!("{frame:?} although {reason}"),
        (_, Ok(members)) => assert_eq!(decoded.as_ref().ok(), frame(members).as_ref().ok(), "{decoded:?}"),
    }
    if let Some(longer) = the_long_way(message) {
        let roomy = Limits { message_bytes: LIMITS.message_bytes + 64, ..LIMITS };
        assert_eq!(decode_client_frame(&longer, &roomy), decode_client_frame(message, &roomy));
    }
    if let Ok(frame) = decoded {
        there_and_back(&frame);
    }
}

fn there_and_back(frame: &ClientFrame) {
    let written = encode_client_frame(frame);
    let roomy = Limits { message_bytes: usize::MAX, ..LIMITS };
    let again = decode_client_frame(written.as_bytes(), &roomy).expect("what we write we can read");
    // A refused topic is cut, and the beginning of a topic that is too long may be a topic.
    let is_cut = |topic: &RequestedTopic| matches!(topic, RequestedTopic::Invalid(text) if text.len() + 4 > MAX_TOPIC_BYTES);
    let topics: &[RequestedTopic] = match frame {
        ClientFrame::Subscribe { topics } | ClientFrame::Unsubscribe { topics } => topics,
        ClientFrame::Resume(resume) => &resume.topics,
        ClientFrame::Ping | ClientFrame::Activity { .. } | ClientFrame::Unknown => &[],
    };
    if !topics.iter().any(is_cut) {
        assert_eq!(&again, frame, "{written}");
    }
    assert_eq!(encode_client_frame(&again), written);
}

/// What section 4 of the protocol makes of these members.
fn frame(members: &Members<'_>) -> Result<ClientFrame, ()> {
    let action = text(members.given("action"))?.ok_or(())?;
    Ok(match action.as_str() {
        "ping" => ClientFrame::Ping,
        "subscribe" => ClientFrame::Subscribe { topics: topics(members, true)? },
        "unsubscribe" => ClientFrame::Unsubscribe { topics: topics(members, true)? },
        "activity" => ClientFrame::Activity {
            conversation_id: text(members.given("conversationId"))?.ok_or(())?.into(),
            status: ActivityStatus::from_name(&text(members.given("status"))?.ok_or(())?),
        },
        "resume" => {
            let session_id = text(members.given("sessionId"))?;
            let session_id = session_id.map(|text| SessionId::new(&text).ok_or(())).transpose()?;
            let epoch = text(members.given("epoch"))?;
            let epoch: Option<Epoch> = epoch.map(|text| text.parse().map_err(|_| ())).transpose()?;
            let seq = seq(members.given("seq"))?.ok_or(())?;
            if seq > Seq::ZERO && epoch.is_none() {
                return Err(());
            }
            ClientFrame::Resume(Resume { session_id, epoch, seq, topics: topics(members, false)? })
        }
        _ => ClientFrame::Unknown,
    })
}

fn topics(members: &Members<'_>, is_required: bool) -> Result<Vec<RequestedTopic>, ()> {
    let Some(list) = members.given("topics") else {
        return if is_required { Err(()) } else { Ok(Vec::new()) };
    };
    let items: Vec<&RawValue> = serde_json::from_str(list).map_err(|_| ())?;
    if items.len() > LIMITS.topics_per_frame {
        return Err(());
    }
    let requested = items.into_iter().map(|item| {
        let text: String = serde_json::from_str(item.get()).map_err(|_| ())?;
        Ok(match Topic::new(&text) {
            Ok(topic) => RequestedTopic::Valid(topic),
            Err(_) => RequestedTopic::Invalid(cut(text)),
        })
    });
    requested.collect()
}

/// Whole characters, at most as many bytes as a topic may have.
fn cut(mut text: String) -> String {
    while text.len() > MAX_TOPIC_BYTES {
        text.pop();
    }
    text
}
