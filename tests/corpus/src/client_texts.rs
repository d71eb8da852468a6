//! How a client's frame is written (`docs/protocol.md`, section 4): one text for each frame, whoever writes it. Members stand in
//! the order of the document, what is absent is left out, and only what JSON demands is escaped.

use serde_json::{Value, json};

use crate::case::Case;

const EPOCH: &str = "9f3c0a77d1e24b60";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![written("ping", json!({"action": "ping"}), r#"{"action":"ping"}"#)];
    for action in ["subscribe", "unsubscribe"] {
        for (name, list) in
            [("one topic", vec!["conv:a"]), ("two topics", vec!["conv_ondemand:a", "x:Zürich 🎈"])]
        {
            let text = format!("{{\"action\":\"{action}\",\"topics\":{}}}", listed(&list));
            cases.push(written(
                &format!("{action} of {name}"),
                json!({"action": action, "topics": list}),
                &text,
            ));
        }
    }
    for (escaped, plain) in TEXTS {
        let frame = json!({"action": "activity", "conversationId": plain, "status": "typing"});
        let text = format!("{{\"action\":\"activity\",\"conversationId\":{escaped},\"status\":\"typing\"}}");
        cases.push(written(&format!("activity in {escaped}"), frame, &text));
        let frame = json!({"action": "activity", "conversationId": "c", "status": plain});
        let text = format!("{{\"action\":\"activity\",\"conversationId\":\"c\",\"status\":{escaped}}}");
        cases.push(written(&format!("activity that is {escaped}"), frame, &text));
    }
    cases.extend(resumes());
    cases
}

fn resumes() -> Vec<Case> {
    let mut cases = Vec::new();
    for seq in [0, 1, 18443, (1_u64 << 53) - 1] {
        for session in [None, Some("q1Zr8cJx0mVtN4pS7yLbWA")] {
            for topics in [vec![], vec!["conv_ondemand:a"], vec!["conv:a", "conv:b"]] {
                let (mut frame, mut text) = (json!({"action": "resume"}), r#"{"action":"resume""#.to_owned());
                if let Some(id) = session {
                    frame["sessionId"] = id.into();
                    text += &format!(",\"sessionId\":\"{id}\"");
                }
                if seq > 0 {
                    frame["epoch"] = EPOCH.into();
                    text += &format!(",\"epoch\":\"{EPOCH}\"");
                }
                frame["seq"] = seq.into();
                text += &format!(",\"seq\":{seq}");
                if !topics.is_empty() {
                    frame["topics"] = topics.clone().into();
                    text += &format!(",\"topics\":{}", listed(&topics));
                }
                let who = if session.is_some() { "a session" } else { "nobody" };
                let name = format!("resume of {who} at {seq} with {} topics", topics.len());
                cases.push(written(&name, frame, &(text + "}")));
            }
        }
    }
    cases
}

fn written(name: &str, frame: Value, text: &str) -> Case {
    Case::new(name).with("frame", frame).with("text", text)
}

fn listed(topics: &[&str]) -> String {
    format!("[\"{}\"]", topics.join("\",\""))
}

/// As JSON text, and the text itself.
const TEXTS: &[(&str, &str)] = &[
    (r#""c1""#, "c1"),
    (r#""""#, ""),
    (r#""a\"b\\c""#, "a\"b\\c"),
    (r#""\b\f\n\r\t""#, "\u{8}\u{c}\n\r\t"),
    (r#""\u0000\u0001\u000b\u001f""#, "\0\u{1}\u{b}\u{1f}"),
    ("\"/\u{7f}\u{85}\u{2028}\u{feff}\"", "/\u{7f}\u{85}\u{2028}\u{feff}"),
    ("\"東京 🎈\"", "東京 🎈"),
];
