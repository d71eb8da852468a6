//! A name is a topic, or is none for the reason that the case tells; in a client's list it has the same fate.

use bowline_proto::{ClientFrame, InvalidTopic, Limits, RequestedTopic, Topic, decode_client_frame};
use serde_json::{Value, json};

use crate::case::{same, text};

pub(crate) fn judge(case: &Value) -> Result<(), String> {
    let name = text(&case["text"]);
    let expect = &case["expect"];
    let verdict = match Topic::new(&name) {
        Ok(topic) if topic.as_str() == name => "topic",
        Ok(_) => "another topic",
        Err(InvalidTopic::TooLong(_)) => "TooLong",
        Err(InvalidTopic::Shape) => "Shape",
        Err(InvalidTopic::ControlCharacter) => "ControlCharacter",
        Err(_) => "a new reason",
    };
    same(&verdict.into(), expect)?;
    let frame = json!({"action": "subscribe", "topics": [name]}).to_string();
    let Ok(ClientFrame::Subscribe { topics }) =
        decode_client_frame(frame.as_bytes(), &Limits { message_bytes: 1 << 20, ..Limits::default() })
    else {
        return Err("a subscribe with it is no frame".to_owned());
    };
    match (&topics[..], expect == "topic") {
        ([RequestedTopic::Valid(topic)], true) if topic.as_str() == name => Ok(()),
        ([RequestedTopic::Invalid(told)], false) if name.starts_with(told.as_str()) && told.len() <= 256 => {
            Ok(())
        }
        (other, _) => Err(format!("a subscribe reads it as {other:?}")),
    }
}
