//! Cases of `tests/corpus/data` that are judged here, beside the decoders in other languages that read the same files: what a
//! client's frame is as text, and what a typed event's payload is as its struct.

#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::path::Path;
use std::sync::Arc;

use bowline_proto::{
    ActivityStatus, ClientFrame, Limits, PayloadError, RequestedTopic, Resume, Seq, ServerFrame, SessionId,
    Topic, TypedEvent, decode_server_frame, encode_client_frame,
};
use serde_json::{Value, json};

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/data").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_frame_of_a_client_is_written_as_its_case_says() {
    let cases = cases("client_texts.ndjson");
    assert!(cases.len() >= 40, "{}", cases.len());
    for case in cases {
        let text = encode_client_frame(&client_frame(&case["frame"]));
        assert_eq!(text, case["text"].as_str().unwrap(), "{}", case["name"]);
    }
}

fn client_frame(frame: &Value) -> ClientFrame {
    let text = |name: &str| frame[name].as_str();
    let topics: Vec<RequestedTopic> = frame["topics"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|topic| Topic::new(topic.as_str().unwrap()).unwrap().into())
        .collect();
    match text("action").unwrap() {
        "ping" => ClientFrame::Ping,
        "subscribe" => ClientFrame::Subscribe { topics },
        "unsubscribe" => ClientFrame::Unsubscribe { topics },
        "activity" => ClientFrame::Activity {
            conversation_id: Arc::from(text("conversationId").unwrap()),
            status: ActivityStatus::from_name(text("status").unwrap()),
        },
        "resume" => ClientFrame::Resume(Resume {
            session_id: text("sessionId").map(|id| SessionId::new(id).unwrap()),
            epoch: text("epoch").map(|epoch| epoch.parse().unwrap()),
            seq: Seq::new(frame["seq"].as_u64().unwrap()).unwrap(),
            topics,
        }),
        other => panic!("no action {other}"),
    }
}

#[test]
fn every_typed_event_is_read_as_its_case_says() {
    let cases = cases("typed_events.ndjson");
    assert!(cases.len() >= 1300, "{}", cases.len());
    for case in cases {
        assert_eq!(typed(case["text"].as_str().unwrap()), case["expect"], "{}", case["name"]);
    }
}

fn typed(text: &str) -> Value {
    let frame = decode_server_frame(&text.to_owned().into(), &Limits::default()).unwrap();
    let ServerFrame::Event { body, .. } = frame else { panic!("no event: {text}") };
    match TypedEvent::decode(&body) {
        Ok(event) => json!({ "payload": serde_json::from_slice::<Value>(&event.payload()).unwrap() }),
        Err(PayloadError::Missing { member, .. }) => json!({"error": "Missing", "member": member}),
        Err(PayloadError::Unfit { member, .. }) => json!({"error": "Unfit", "member": member}),
        Err(other) => panic!("an error without a name: {other}"),
    }
}
