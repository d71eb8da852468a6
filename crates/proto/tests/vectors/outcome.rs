//! What our decoders make of a case of the shared vectors, in the vectors' own words.

use bowline_proto::{
    ClientFrame, DecodeError, DrainReason, Event, Gap, GapReason, Limits, RefusalCode, RequestedTopic, Seq,
    ServerFrame, Topic, decode_client_frame, decode_server_frame,
};
use serde_json::{Map, Value, json};

/// The frame that the case's message is, or the error with the member that it names.
pub(crate) fn of(case: &Value) -> Value {
    let message = message(case);
    let limits = limits(&case["limits"]);
    let outcome = match case["side"].as_str().expect("a side") {
        "server" => decode_server_frame(&message.into(), &limits).map(|frame| server(&frame)),
        "client" => decode_client_frame(&message, &limits).map(|frame| client(&frame)),
        other => panic!("no side {other}"),
    };
    outcome.unwrap_or_else(error)
}

fn message(case: &Value) -> Vec<u8> {
    if let Some(hex) = case["hex"].as_str() {
        let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16).expect("hex digits")).collect();
        return digits
            .chunks(2)
            .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits"))
            .collect();
    }
    match &case["text"] {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(pieces) => pieces.iter().map(piece).collect::<String>().into_bytes(),
        other => panic!("no message: {other}"),
    }
}

fn piece(piece: &Value) -> String {
    match piece {
        Value::String(text) => text.clone(),
        Value::Array(repeated) => {
            let times = repeated[1].as_u64().expect("how often");
            repeated[0].as_str().expect("what").repeat(usize::try_from(times).expect("few"))
        }
        other => panic!("no piece: {other}"),
    }
}

fn limits(value: &Value) -> Limits {
    let default = Limits::default();
    let or =
        |name: &str, default| value[name].as_u64().map_or(default, |n| usize::try_from(n).expect("small"));
    Limits {
        message_bytes: or("messageBytes", default.message_bytes),
        depth: or("depth", default.depth),
        topics_per_frame: or("topicsPerFrame", default.topics_per_frame),
    }
}

fn error(error: DecodeError) -> Value {
    let (name, member) = match error {
        DecodeError::TooLong { .. } => ("TooLong", None),
        DecodeError::NotUtf8 => ("NotUtf8", None),
        DecodeError::TooDeep { .. } => ("TooDeep", None),
        DecodeError::NotJson => ("NotJson", None),
        DecodeError::NotAnObject => ("NotAnObject", None),
        DecodeError::Missing { member } => ("Missing", Some(member)),
        DecodeError::WrongType { member } => ("WrongType", Some(member)),
        DecodeError::OutOfRange { member } => ("OutOfRange", Some(member)),
        DecodeError::TooManyTopics { .. } => ("TooManyTopics", None),
        other => panic!("an error without a name: {other}"),
    };
    given(json!({"error": name, "member": member}))
}

/// Less what is null.
fn given(value: Value) -> Value {
    let Value::Object(members) = value else { panic!("an object") };
    Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}

fn server(frame: &ServerFrame<Event>) -> Value {
    given(match frame {
        ServerFrame::Accepted(accepted) => json!({
            "frame": "accepted",
            "connectionId": accepted.connection_id.as_deref(),
            "sessionId": accepted.session_id.as_ref().map(|id| id.reveal()),
            "resumed": accepted.resumed,
            "epoch": accepted.epoch.map(|epoch| epoch.to_string()),
            "seq": accepted.seq.map(Seq::get),
            "heartbeatMs": accepted.heartbeat.map(|d| d.as_millis() as u64),
            "maxDurationMs": accepted.max_duration.map(|d| d.as_millis() as u64),
            "resume": accepted.can_resume,
            "drain": accepted.can_drain,
            "gaps": accepted.gaps.iter().map(gap).collect::<Vec<_>>(),
        }),
        ServerFrame::Rejected(rejected) => json!({
            "frame": "rejected",
            "reason": rejected.reason,
            "message": rejected.message,
            "retryAfterMs": rejected.retry_after.map(|d| d.as_millis() as u64),
        }),
        ServerFrame::Event { head, body } => {
            assert_eq!(head.topic, body.topic);
            assert_eq!(head.place, body.place);
            let payload = core::str::from_utf8(&body.payload).expect("the payload is a part of a text");
            json!({
                "frame": "event",
                "type": &*body.kind,
                "timestamp": &*body.timestamp,
                "topic": body.topic.as_ref().map(Topic::as_str),
                "seq": body.place.map(|place| place.seq.get()),
                "prev": body.place.map(|place| place.prev.get()),
                "payload": (!payload.is_empty()).then_some(payload),
            })
        }
        ServerFrame::SubscribeAck(ack) => {
            let errors: Vec<Value> = ack
                .errors
                .iter()
                .map(|refusal| json!({"topic": refusal.topic, "code": refusal_code(&refusal.code)}))
                .collect();
            json!({
                "frame": "subscribe_ack",
                "subscribed": names(&ack.subscribed),
                "errors": errors,
                "seq": ack.seq.map(Seq::get),
            })
        }
        ServerFrame::UnsubscribeAck { unsubscribed } => {
            json!({"frame": "unsubscribe_ack", "unsubscribed": names(unsubscribed)})
        }
        ServerFrame::Topics { added, removed, seq } => {
            json!({"frame": "topics", "added": names(added), "removed": names(removed), "seq": seq.get()})
        }
        ServerFrame::Gap(lost) => {
            let mut value = gap(lost);
            value["frame"] = "gap".into();
            value
        }
        ServerFrame::Pong { seq } => json!({"frame": "pong", "seq": seq.map(Seq::get)}),
        ServerFrame::Draining(draining) => json!({
            "frame": "draining",
            "reason": match draining.reason {
                DrainReason::Shutdown => "shutdown",
                DrainReason::Rebalance => "rebalance",
                DrainReason::MaxDuration => "max_duration",
                DrainReason::Other => "other",
            },
            "slotMs": draining.slot.as_millis() as u64,
            "deadlineMs": draining.deadline.as_millis() as u64,
        }),
        ServerFrame::Error { code, message } => json!({"frame": "error", "code": code, "message": message}),
        ServerFrame::Unknown => json!({"frame": "unknown"}),
    })
}

fn gap(gap: &Gap) -> Value {
    let reason = match gap.reason {
        GapReason::Retention => "retention",
        GapReason::Epoch => "epoch",
        GapReason::Storage => "storage",
        GapReason::Missing => "missing",
    };
    json!({"topic": gap.topic.as_str(), "after": gap.after.get(), "before": gap.before.get(), "reason": reason})
}

fn names(topics: &[Topic]) -> Vec<&str> {
    topics.iter().map(Topic::as_str).collect()
}

fn refusal_code(code: &RefusalCode) -> &str {
    match code {
        RefusalCode::Forbidden => "FORBIDDEN",
        RefusalCode::InvalidTopic => "INVALID_TOPIC",
        RefusalCode::LimitExceeded => "LIMIT_EXCEEDED",
        RefusalCode::Other(name) => name,
    }
}

fn client(frame: &ClientFrame) -> Value {
    given(match frame {
        ClientFrame::Ping => json!({"frame": "ping"}),
        ClientFrame::Subscribe { topics } => json!({"frame": "subscribe", "topics": requested(topics)}),
        ClientFrame::Unsubscribe { topics } => json!({"frame": "unsubscribe", "topics": requested(topics)}),
        ClientFrame::Activity { conversation_id, status } => {
            json!({"frame": "activity", "conversationId": &**conversation_id, "status": status.as_str()})
        }
        ClientFrame::Resume(resume) => json!({
            "frame": "resume",
            "sessionId": resume.session_id.as_ref().map(|id| id.reveal()),
            "epoch": resume.epoch.map(|epoch| epoch.to_string()),
            "seq": resume.seq.get(),
            "topics": requested(&resume.topics),
        }),
        ClientFrame::Unknown => json!({"frame": "unknown"}),
    })
}

fn requested(topics: &[RequestedTopic]) -> Vec<Value> {
    topics
        .iter()
        .map(|topic| match topic {
            RequestedTopic::Valid(topic) => json!({"topic": topic.as_str()}),
            RequestedTopic::Invalid(text) => json!({"invalid": text}),
        })
        .collect()
}
