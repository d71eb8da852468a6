//! What people see of an event, and what programs see of a notice.

use bowline::{CloseReason, Notice, Occasion};
use bowline_proto::{Event, Gap, GapReason};
use serde_json::{Value, json};

/// One line for people: time, topic, type, and what matters of the payload.
pub(crate) fn event_for_people(event: &Event) -> String {
    let time = event.timestamp.get(11..19).unwrap_or("--:--:--");
    let topic = event.topic.as_ref().map_or("", |t| t.as_str());
    let payload = String::from_utf8_lossy(&event.payload);
    let value: Value = serde_json::from_slice(&event.payload).unwrap_or(Value::Null);
    let said = value.pointer("/content/text").or_else(|| value.get("text")).and_then(Value::as_str);
    let who =
        ["senderDisplayName", "senderId", "userId"].iter().find_map(|k| value.get(k).and_then(Value::as_str));
    let rest = match (event.kind.as_ref(), who, said) {
        ("activity.status", Some(who), _) => {
            format!("{who}: {}", value.get("status").and_then(Value::as_str).unwrap_or("?"))
        }
        (_, Some(who), Some(said)) => format!("{who}: {said}"),
        (_, None, Some(said)) => said.to_string(),
        _ => payload.into_owned(),
    };
    printable(&format!("{time}  {topic}  {}  {rest}", event.kind))
}

/// A peer's text must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// One line for people; `None` for what only programs want to know.
pub(crate) fn notice_for_people(notice: &Notice) -> Option<String> {
    let text = match notice {
        Notice::Accepted { accepted, occasion } => match occasion {
            Occasion::Connect if accepted.resumed => "connected, going on after the saved cursor".to_string(),
            Occasion::Connect => "connected".to_string(),
            Occasion::Reconnect if accepted.resumed => "connected again, nothing lost".to_string(),
            Occasion::Reconnect => "connected again".to_string(),
            Occasion::Handover => return None,
        },
        Notice::Reconnecting { attempt, delay, cause } => {
            format!("{cause}; attempt {attempt} in {:.1} s", delay.as_secs_f64())
        }
        Notice::SubscribeAck(ack) => {
            let topics: Vec<_> = ack.subscribed.iter().map(|t| t.as_str()).collect();
            let refused: Vec<_> = ack.errors.iter().map(|e| format!("{} ({:?})", e.topic, e.code)).collect();
            match (topics.is_empty(), refused.is_empty()) {
                (_, true) => format!("subscribed to {}", topics.join(", ")),
                (true, false) => format!("refused: {}", refused.join(", ")),
                (false, false) => {
                    format!("subscribed to {}; refused: {}", topics.join(", "), refused.join(", "))
                }
            }
        }
        Notice::TopicsChanged { added, removed } => {
            let added = added.iter().map(|t| format!("+{t}"));
            let removed = removed.iter().map(|t| format!("-{t}"));
            format!("topics: {}", added.chain(removed).collect::<Vec<_>>().join(" "))
        }
        Notice::Rejected(rejected) => format!("rejected: {} ({})", rejected.message, rejected.reason),
        Notice::GatewayError { code, message } => format!("the gateway says {code}: {message}"),
        Notice::Trouble(what) => what.clone(),
        _ => return None,
    };
    Some(printable(&format!("-- {text}")))
}

/// One line for people: what can't be had any more.
pub(crate) fn gap_for_people(gap: &Gap) -> String {
    let why = gap_reason(gap.reason);
    format!(
        "-- GAP in {}: events after {} and before {} can't be had any more ({why})",
        gap.topic, gap.after, gap.before
    )
}

fn gap_reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Retention => "retention",
        GapReason::Epoch => "epoch",
        GapReason::Storage => "storage",
        GapReason::Missing => "missing",
    }
}

/// A gap as one JSON object.
pub(crate) fn gap_as_json(gap: &Gap) -> String {
    json!({"notice": "gap", "topic": gap.topic.as_str(), "after": gap.after.get(), "before": gap.before.get(),
        "reason": gap_reason(gap.reason)})
    .to_string()
}

/// A notice as one JSON object; `None` for what the events themselves say.
pub(crate) fn notice_as_json(notice: &Notice) -> Option<String> {
    let value = match notice {
        Notice::State(state) => json!({"notice": "state", "state": state.name()}),
        Notice::Accepted { accepted, occasion } => json!({"notice": "accepted", "occasion": match occasion {
            Occasion::Connect => "connect",
            Occasion::Reconnect => "reconnect",
            Occasion::Handover => "handover",
        }, "resumed": accepted.resumed, "epoch": accepted.epoch.map(|e| e.to_string()),
            "seq": accepted.seq.map(|s| s.get()), "connectionId": accepted.connection_id}),
        Notice::Reconnecting { attempt, delay, cause } => {
            json!({"notice": "reconnecting", "attempt": attempt,
            "delayMs": delay.as_millis() as u64, "cause": cause})
        }
        Notice::HandoverStarted => json!({"notice": "handover_started"}),
        Notice::HandoverFailed { cause, delay } => {
            json!({"notice": "handover_failed", "cause": cause, "delayMs": delay.map(|delay| delay.as_millis() as u64)})
        }
        Notice::SubscribeAck(ack) => json!({"notice": "subscribe_ack",
            "subscribed": ack.subscribed.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
            "errors": ack.errors.iter().map(|e| json!({"topic": e.topic, "code": format!("{:?}", e.code)})).collect::<Vec<_>>()}),
        Notice::UnsubscribeAck(topics) => json!({"notice": "unsubscribe_ack",
            "unsubscribed": topics.iter().map(|t| t.as_str()).collect::<Vec<_>>()}),
        Notice::TopicsChanged { added, removed } => json!({"notice": "topics",
            "added": added.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
            "removed": removed.iter().map(|t| t.as_str()).collect::<Vec<_>>()}),
        Notice::Rejected(rejected) => {
            json!({"notice": "rejected", "reason": rejected.reason, "message": rejected.message})
        }
        Notice::GatewayError { code, message } => {
            json!({"notice": "error", "code": code, "message": message})
        }
        Notice::Trouble(what) => json!({"notice": "trouble", "message": what}),
        Notice::Gap(gap) => return Some(gap_as_json(gap)),
        _ => return None,
    };
    Some(value.to_string())
}

/// Why the connection is over and what to do, or `None` when the user asked for it.
pub(crate) fn ending(reason: &CloseReason) -> Option<(String, &'static str)> {
    let (what, hint) = match reason {
        CloseReason::Asked => return None,
        CloseReason::Rejected(rejected) => (
            format!("the gateway rejected the connection: {} ({})", rejected.message, rejected.reason),
            match rejected.reason.as_str() {
                "CONNECTION_LIMIT_EXCEEDED" => {
                    "close another connection of this account (an agent has two sockets), or use another --account"
                }
                "UNAUTHORIZED" => {
                    "a fresh token: `bowline token --account …`, or the --data-dir of this gateway"
                }
                _ => "`bowline doctor` checks token, rights and limits",
            },
        ),
        CloseReason::Refused(code) => (
            format!("the gateway closed the connection: {} {}", code.0, code.name()),
            "`bowline doctor` checks token and limits",
        ),
        CloseReason::Unauthorized => (
            "the gateway does not accept the token".into(),
            "a fresh one: `bowline token --account …`, or the --data-dir of this gateway",
        ),
        CloseReason::NoCredential(why) => {
            (format!("no token: {why}"), "pass --token, or --data-dir of a local gateway")
        }
        CloseReason::Unreachable(why) => {
            (format!("can't connect: {why}"), "check --url and --path; `bowline doctor` says more")
        }
        CloseReason::AttemptsExhausted { attempts, last } => (
            format!("gave up after {attempts} attempts: {last}"),
            "is the gateway running? `bowline doctor` says more",
        ),
        _ => ("the connection is closed".into(), "`bowline doctor` checks token and limits"),
    };
    Some((what, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn event(kind: &str, payload: &'static str) -> Event {
        Event {
            kind: kind.into(),
            timestamp: "2026-11-22T01:02:03.456Z".into(),
            topic: Some(bowline_proto::Topic::new("conv:c1").unwrap()),
            place: None,
            payload: Bytes::from_static(payload.as_bytes()),
            text: Bytes::new(),
        }
    }

    #[test]
    fn people_see_who_said_what() {
        let line = event_for_people(&event("message.new", r#"{"senderId":"bob","content":{"text":"hi"}}"#));
        assert_eq!(line, "01:02:03  conv:c1  message.new  bob: hi");
    }

    #[test]
    fn a_payload_cannot_steer_the_terminal() {
        let line = event_for_people(&event("x", r#"{"text":"a\u001b[2Jb\nc"}"#));
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}
