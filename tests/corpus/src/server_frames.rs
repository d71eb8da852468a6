//! What gateways and plain servers write (`docs/protocol.md`, sections 3 and 9).

use serde_json::{Map, Value, json};

use crate::broken_json::{self, Good};
use crate::case::{Case, times};
use crate::json_values::{CLAIMS, DURATIONS, EPOCHS, POSITIONS, SESSION_IDS, TEXTS};
use crate::places::{Place, Rule, frame_case};
use Rule::{Lenient, Optional, Required};

pub(crate) fn cases() -> Vec<Case> {
    let event = json!({"frame": "event", "type": "t", "timestamp": "", "topic": "conv:a", "seq": 7, "prev": 3, "payload": "{}"});
    let mut cases = broken_json::cases(
        "server",
        &[
            Good { text: r#"{"type":"t","topic":"conv:a","seq":7,"prev":3,"payload":{}}"#, read: event },
            Good { text: r#"{"action":"pong","seq":7}"#, read: json!({"frame": "pong", "seq": 7}) },
        ],
    );
    cases.extend(positions());
    cases.extend(durations());
    cases.extend(texts());
    cases.extend(claims_and_ids());
    cases.extend(lists());
    cases.extend(topics_of_events());
    cases.extend(payloads());
    cases.extend(NAMED.iter().map(|(name, text, expect)| {
        let expect: Value = serde_json::from_str(expect).expect("the tables hold JSON");
        frame_case(format!("server {name}"), "server", *text, expect)
    }));
    cases
}

fn place(
    what: &'static str,
    frame: &'static str,
    member: &'static str,
    rule: Rule,
    without: fn() -> Value,
) -> Place {
    Place { side: "server", what, frame, member, without, rule }
}

/// Writes a value of the frame.
fn set<T: Into<Value>>(name: &'static str) -> impl Fn(&mut Map<String, Value>, T) {
    move |frame, value| drop(frame.insert(name.to_owned(), value.into()))
}

/// `connection.accepted` with nothing in it.
fn accepted() -> Value {
    json!({"frame": "accepted", "resumed": false, "resume": false, "drain": false, "gaps": []})
}

/// An event with a type alone.
fn plain() -> Value {
    json!({"frame": "event", "type": "t", "timestamp": ""})
}

fn gap() -> Value {
    json!({"frame": "gap", "topic": "conv:a", "after": 1, "before": 9, "reason": "retention"})
}

fn draining() -> Value {
    json!({"frame": "draining", "reason": "shutdown", "slotMs": 1, "deadlineMs": 2})
}

fn positions() -> Vec<Case> {
    let in_topic = || json!({"frame": "event", "type": "t", "timestamp": "", "topic": "conv:a"});
    let mut cases = Vec::new();
    // Only both make a place; one alone is a plain server's own numbering. What is no position is an error all the same.
    cases.extend(
        place("event.seq", r#"{"type":"t","topic":"conv:a","seq":@,"prev":0}"#, "seq", Optional, in_topic)
            .cases(POSITIONS, |frame, seq| {
                frame.insert("seq".into(), seq.into());
                frame.insert("prev".into(), 0.into());
            }),
    );
    cases.extend(
        place("event.prev", r#"{"type":"t","topic":"conv:a","seq":7,"prev":@}"#, "prev", Optional, in_topic)
            .cases(POSITIONS, |frame, prev| {
                frame.insert("seq".into(), 7.into());
                frame.insert("prev".into(), prev.into());
            }),
    );
    cases.extend(
        place(
            "event.seq without prev",
            r#"{"type":"t","topic":"conv:a","seq":@}"#,
            "seq",
            Optional,
            in_topic,
        )
        .cases(POSITIONS, |_, _| {}),
    );
    cases.extend(
        place("pong.seq", r#"{"action":"pong","seq":@}"#, "seq", Optional, || json!({"frame": "pong"}))
            .cases(POSITIONS, set("seq")),
    );
    cases.extend(
        place(
            "topics.seq",
            r#"{"action":"topics","added":[],"removed":[],"seq":@}"#,
            "seq",
            Required,
            || json!({"frame": "topics", "added": [], "removed": []}),
        )
        .cases(POSITIONS, set("seq")),
    );
    cases.extend(
        place(
            "subscribe_ack.seq",
            r#"{"action":"subscribe_ack","subscribed":[],"seq":@}"#,
            "seq",
            Optional,
            || json!({"frame": "subscribe_ack", "subscribed": [], "errors": []}),
        )
        .cases(POSITIONS, set("seq")),
    );
    cases.extend(
        place("accepted.seq", r#"{"action":"connection.accepted","seq":@}"#, "seq", Optional, accepted)
            .cases(POSITIONS, set("seq")),
    );
    cases.extend(
        place(
            "gap.after",
            r#"{"action":"gap","topic":"conv:a","after":@,"before":9,"reason":"retention"}"#,
            "after",
            Required,
            gap,
        )
        .cases(POSITIONS, set("after")),
    );
    cases.extend(
        place(
            "gap.before",
            r#"{"action":"gap","topic":"conv:a","after":1,"before":@,"reason":"retention"}"#,
            "before",
            Required,
            gap,
        )
        .cases(POSITIONS, set("before")),
    );
    cases.extend(
        place(
            "accepted.gaps.before",
            r#"{"action":"connection.accepted","gaps":[{"topic":"conv:a","after":1,"before":@,"reason":"epoch"}]}"#,
            "before",
            Required,
            accepted,
        )
        .cases(POSITIONS, |frame, before| {
            frame.insert("gaps".into(), json!([{"topic": "conv:a", "after": 1, "before": before, "reason": "epoch"}]));
        }),
    );
    cases
}

fn durations() -> Vec<Case> {
    let rejected = || json!({"frame": "rejected", "reason": "R", "message": ""});
    [
        place(
            "accepted.heartbeatMs",
            r#"{"action":"connection.accepted","heartbeatMs":@}"#,
            "heartbeatMs",
            Optional,
            accepted,
        )
        .cases(DURATIONS, set("heartbeatMs")),
        place(
            "accepted.maxDurationMs",
            r#"{"action":"connection.accepted","maxDurationMs":@}"#,
            "maxDurationMs",
            Optional,
            accepted,
        )
        .cases(DURATIONS, set("maxDurationMs")),
        place(
            "rejected.retryAfterMs",
            r#"{"action":"connection.rejected","reason":"R","retryAfterMs":@}"#,
            "retryAfterMs",
            Optional,
            rejected,
        )
        .cases(DURATIONS, set("retryAfterMs")),
        place(
            "draining.slotMs",
            r#"{"action":"connection.draining","reason":"shutdown","slotMs":@,"deadlineMs":2}"#,
            "slotMs",
            Required,
            draining,
        )
        .cases(DURATIONS, set("slotMs")),
        place(
            "draining.deadlineMs",
            r#"{"action":"connection.draining","reason":"shutdown","slotMs":1,"deadlineMs":@}"#,
            "deadlineMs",
            Required,
            draining,
        )
        .cases(DURATIONS, set("deadlineMs")),
    ]
    .concat()
}

fn texts() -> Vec<Case> {
    let rejected = || json!({"frame": "rejected", "reason": "", "message": ""});
    let error = || json!({"frame": "error", "code": "", "message": ""});
    let mut cases = [
        // Without an action a message is an event, and needs a type.
        place("action", r#"{"type":"t","action":@}"#, "action", Optional, plain).cases(TEXTS, |frame, _| {
            *frame = Map::from_iter([("frame".to_owned(), "unknown".into())]);
        }),
        place("type", r#"{"type":@}"#, "type", Optional, plain).cases(TEXTS, set("type")),
        place("event.timestamp", r#"{"type":"t","timestamp":@}"#, "timestamp", Lenient, plain)
            .cases(TEXTS, set("timestamp")),
        place(
            "accepted.connectionId",
            r#"{"action":"connection.accepted","connectionId":@}"#,
            "connectionId",
            Lenient,
            accepted,
        )
        .cases(TEXTS, set("connectionId")),
        place(
            "rejected.reason",
            r#"{"action":"connection.rejected","reason":@}"#,
            "reason",
            Lenient,
            rejected,
        )
        .cases(TEXTS, set("reason")),
        place(
            "rejected.message",
            r#"{"action":"connection.rejected","message":@}"#,
            "message",
            Lenient,
            rejected,
        )
        .cases(TEXTS, set("message")),
        place("error.code", r#"{"action":"error","code":@}"#, "code", Lenient, error)
            .cases(TEXTS, set("code")),
        place("error.message", r#"{"action":"error","message":@}"#, "message", Lenient, error)
            .cases(TEXTS, set("message")),
        // "A reason of a later version is read as `storage`", and so is none.
        place(
            "gap.reason",
            r#"{"action":"gap","topic":"conv:a","after":1,"before":9,"reason":@}"#,
            "reason",
            Lenient,
            || json!({"frame": "gap", "topic": "conv:a", "after": 1, "before": 9, "reason": "storage"}),
        )
        .cases(TEXTS, |_, _| {}),
        place(
            "draining.reason",
            r#"{"action":"connection.draining","reason":@,"slotMs":1,"deadlineMs":2}"#,
            "reason",
            Lenient,
            || json!({"frame": "draining", "reason": "other", "slotMs": 1, "deadlineMs": 2}),
        )
        .cases(TEXTS, |_, _| {}),
        place(
            "accepted.features entry",
            r#"{"action":"connection.accepted","features":["drain",@,"resume"]}"#,
            "features",
            Lenient,
            || json!({"frame": "accepted", "resumed": false, "resume": true, "drain": true, "gaps": []}),
        )
        .cases(TEXTS, |_, _| {}),
    ]
    .concat();
    // The type of an event without one is missing, and what is told is the action: no message is without both.
    for case in &mut cases {
        if case.name() == "server type: null" {
            *case = frame_case(
                "server type: null",
                "server",
                r#"{"type":null}"#,
                json!({"error": "Missing", "member": "action"}),
            );
        }
    }
    cases
}

fn claims_and_ids() -> Vec<Case> {
    [
        place(
            "accepted.resumed",
            r#"{"action":"connection.accepted","resumed":@}"#,
            "resumed",
            Optional,
            accepted,
        )
        .cases(CLAIMS, set("resumed")),
        place("accepted.epoch", r#"{"action":"connection.accepted","epoch":@}"#, "epoch", Optional, accepted)
            .cases(EPOCHS, set("epoch")),
        place(
            "accepted.sessionId",
            r#"{"action":"connection.accepted","sessionId":@}"#,
            "sessionId",
            Lenient,
            accepted,
        )
        .cases(SESSION_IDS, set("sessionId")),
    ]
    .concat()
}

/// Lists of topics that a server made: what is no topic is left out, what is no text is an error.
fn lists() -> Vec<Case> {
    type Read = fn(Value) -> Value;
    let frames: [(&str, &str, &str, Read); 5] = [
        (
            "subscribe_ack.subscribed",
            "subscribed",
            r#"{"action":"subscribe_ack","subscribed":@}"#,
            |topics| json!({"frame": "subscribe_ack", "subscribed": topics, "errors": []}),
        ),
        (
            "subscribe_ack.topics",
            "topics",
            r#"{"action":"subscribe_ack","topics":@}"#,
            |topics| json!({"frame": "subscribe_ack", "subscribed": topics, "errors": []}),
        ),
        (
            "unsubscribe_ack.unsubscribed",
            "unsubscribed",
            r#"{"action":"unsubscribe_ack","unsubscribed":@}"#,
            |topics| json!({"frame": "unsubscribe_ack", "unsubscribed": topics}),
        ),
        (
            "topics.added",
            "added",
            r#"{"action":"topics","added":@,"seq":7}"#,
            |topics| json!({"frame": "topics", "added": topics, "removed": [], "seq": 7}),
        ),
        (
            "topics.removed",
            "removed",
            r#"{"action":"topics","removed":@,"seq":7}"#,
            |topics| json!({"frame": "topics", "added": [], "removed": topics, "seq": 7}),
        ),
    ];
    let mut cases = Vec::new();
    for (what, member, frame, read) in frames {
        let mut case = |list: &str, expect: Value| {
            let name = format!("server {what}: {}", list.escape_debug());
            cases.push(frame_case(name, "server", frame.replacen('@', list, 1), expect));
        };
        for list in ["null", "[]", "[\"conv\"]", "[\"\",\":a\",\"Conv:a\",\"conv:\",\"conv:\\n\"]"] {
            case(list, read(json!([])));
        }
        case("[\"conv:a\",\"general\",\"conv:b\"]", read(json!(["conv:a", "conv:b"])));
        case("[\"\\u0063onv:a\"]", read(json!(["conv:a"])));
        for list in [
            "\"conv:a\"",
            "5",
            "true",
            "{}",
            "[5]",
            "[null]",
            "[\"conv:a\",[]]",
            "[{\"topic\":\"conv:a\"}]",
            "[\"\\ud800\"]",
        ] {
            case(list, json!({"error": "WrongType", "member": member}));
        }
        for list in ["[\"conv:a\",]", "[conv:a]", "[\"conv:a\"", "(\"conv:a\")"] {
            case(list, json!({"error": "NotJson"}));
        }
    }
    for (list, expect) in [
        ("null", json!([])),
        ("[{\"topic\":\"x\",\"code\":\"FORBIDDEN\"}]", json!([{"topic": "x", "code": "FORBIDDEN"}])),
        ("[{\"topic\":\"\",\"code\":\"LATER\"}]", json!([{"topic": "", "code": "LATER"}])),
        ("[{\"topic\":\"x\"}]", json!([{"topic": "x", "code": ""}])),
        ("[{\"topic\":\"x\",\"code\":5}]", json!([{"topic": "x", "code": ""}])),
    ] {
        let expect = json!({"frame": "subscribe_ack", "subscribed": [], "errors": expect});
        let text = format!(r#"{{"action":"subscribe_ack","errors":{list}}}"#);
        cases.push(frame_case(format!("server subscribe_ack.errors: {list}"), "server", text, expect));
    }
    for (list, error, member) in [
        ("{}", "WrongType", "errors"),
        ("\"x\"", "WrongType", "errors"),
        ("[\"x\"]", "WrongType", "errors"),
        ("[null]", "WrongType", "errors"),
        ("[{}]", "Missing", "topic"),
        ("[{\"topic\":5}]", "WrongType", "topic"),
        ("[{\"topic\":\"\\ud800\"}]", "WrongType", "topic"),
    ] {
        let text = format!(r#"{{"action":"subscribe_ack","errors":{list}}}"#);
        let expect = json!({"error": error, "member": member});
        cases.push(frame_case(format!("server subscribe_ack.errors: {list}"), "server", text, expect));
    }
    for (list, error, member) in [
        ("{}", "WrongType", "gaps"),
        ("7", "WrongType", "gaps"),
        ("[7]", "WrongType", "gaps"),
        ("[[]]", "WrongType", "gaps"),
        ("[{}]", "Missing", "topic"),
        ("[{\"topic\":\"general\",\"after\":1,\"before\":2}]", "WrongType", "topic"),
        ("[{\"topic\":\"conv:a\",\"before\":2}]", "Missing", "after"),
        ("[{\"topic\":\"conv:a\",\"after\":1}]", "Missing", "before"),
    ] {
        let text = format!(r#"{{"action":"connection.accepted","gaps":{list}}}"#);
        let expect = json!({"error": error, "member": member});
        cases.push(frame_case(format!("server accepted.gaps: {list}"), "server", text, expect));
    }
    cases
}

/// "An event with both `seq` and `prev` must have a topic. Without them, a `topic` that is not what it should be reads as
/// absent."
fn topics_of_events() -> Vec<Case> {
    let mut cases = Vec::new();
    for (topic, name) in [
        ("null", None),
        ("\"conv:a\"", Some("conv:a")),
        ("\"\\u0063onv:a\"", Some("conv:a")),
        ("\"\"", None),
        ("\"general\"", None),
        ("\"Conv:a\"", None),
        ("\"conv:\\n\"", None),
        ("\"\\ud800:a\"", None),
        ("\"conv:\\udc00\"", None),
        ("5", None),
        ("[\"conv:a\"]", None),
        ("{}", None),
    ] {
        let mut loose = plain();
        let mut placed =
            json!({"frame": "event", "type": "t", "timestamp": "", "topic": name, "seq": 7, "prev": 3});
        match name {
            Some(name) => loose["topic"] = name.into(),
            None if topic == "null" => placed = json!({"error": "Missing", "member": "topic"}),
            None => placed = json!({"error": "WrongType", "member": "topic"}),
        }
        for (what, frame, expect) in [
            ("a signal of", format!(r#"{{"type":"t","topic":{topic}}}"#), &loose),
            ("an event of", format!(r#"{{"type":"t","topic":{topic},"seq":7,"prev":3}}"#), &placed),
            ("an event without prev of", format!(r#"{{"type":"t","topic":{topic},"seq":7}}"#), &loose),
        ] {
            cases.push(frame_case(format!("server {what} topic {topic}"), "server", frame, expect.clone()));
        }
    }
    for (bytes, fits) in [(256, true), (257, false)] {
        let text =
            json!(["{\"type\":\"t\",\"seq\":7,\"prev\":3,\"topic\":\"conv:", times("x", bytes - 5), "\"}"]);
        let topic = format!("conv:{}", "x".repeat(bytes - 5));
        let expect = if fits {
            json!({"frame": "event", "type": "t", "timestamp": "", "topic": topic, "seq": 7, "prev": 3})
        } else {
            json!({"error": "WrongType", "member": "topic"})
        };
        cases.push(frame_case(
            format!("server an event of a topic of {bytes} bytes"),
            "server",
            text,
            expect,
        ));
    }
    cases
}

/// "The payload is passed on byte for byte."
fn payloads() -> Vec<Case> {
    let mut cases = Vec::new();
    for payload in PAYLOADS {
        let mut expect = plain();
        expect["payload"] = (*payload).into();
        for (what, around) in [("", ""), (" between spaces", " \t\r\n")] {
            let text = format!("{{\"payload\":{around}{payload}{around},\"type\":\"t\"}}");
            let name = format!("server payload{what} {}", payload.escape_debug());
            cases.push(frame_case(name, "server", text, expect.clone()));
        }
    }
    // A payload may have 31 levels, the frame itself being one.
    for levels in [31, 32] {
        let text = json!(["{\"type\":\"t\",\"payload\":", times("[", levels), times("]", levels), "}"]);
        let mut read = plain();
        read["payload"] = format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into();
        let expect = if levels > 31 { json!({"error": "TooDeep"}) } else { read };
        cases.push(frame_case(format!("server payload of {levels} levels"), "server", text, expect));
    }
    cases
}

const PAYLOADS: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "-0.0e-0",
    "1e999",
    "12345678901234567890123.4567890123456789",
    "\"\"",
    "\"x\"",
    "\"\\ud800\"",
    "\"\\u0000\\u001f\"",
    "\"\\/\\b\"",
    "\"\u{7f}\u{85}\u{2028}\u{feff}\"",
    "{}",
    "[]",
    "{\"a\":1,\"a\":2}",
    "{\"\":{\"\\ud800\":[]}}",
    "{ \"a\" : [ 1 , 2 ] }",
    "[[],{},\"]\",\"}\"]",
    "{\"action\":\"connection.accepted\",\"type\":\"x\",\"seq\":-1}",
    "{\"__proto__\":{\"a\":1},\"constructor\":{\"prototype\":{\"b\":2}},\"toString\":0}",
    "[9007199254740993,1e400,-1e400,1e-400,0.1,5e-324]",
];

/// Name, message, reading.
const NAMED: &[(&str, &str, &str)] = &[
    ("an empty object", "{}", r#"{"error":"Missing","member":"action"}"#),
    (
        "neither action nor type",
        r#"{"topic":"conv:a","seq":7,"prev":3}"#,
        r#"{"error":"Missing","member":"action"}"#,
    ),
    ("both nulls", r#"{"action":null,"type":null}"#, r#"{"error":"Missing","member":"action"}"#),
    ("action and type: it steers", r#"{"type":"message.new","action":"pong"}"#, r#"{"frame":"pong"}"#),
    ("action and a bad type: it steers", r#"{"type":5,"action":"pong"}"#, r#"{"frame":"pong"}"#),
    ("a bad action and a type", r#"{"type":"t","action":{}}"#, r#"{"error":"WrongType","member":"action"}"#),
    ("an action of a client", r#"{"action":"ping"}"#, r#"{"frame":"unknown"}"#),
    ("an action of a later version", r#"{"action":"connection.moved","seq":-1}"#, r#"{"frame":"unknown"}"#),
    ("an action in another case", r#"{"action":"PONG"}"#, r#"{"frame":"unknown"}"#),
    ("an escaped action", r#"{"\u0061ction":"\u0070ong"}"#, r#"{"frame":"pong"}"#),
    ("of two actions the last counts", r#"{"action":"gap","action":"pong"}"#, r#"{"frame":"pong"}"#),
    ("of two seqs the last counts", r#"{"action":"pong","seq":"x","seq":5}"#, r#"{"frame":"pong","seq":5}"#),
    (
        "of two seqs the bad one is last",
        r#"{"action":"pong","seq":5,"seq":"x"}"#,
        r#"{"error":"WrongType","member":"seq"}"#,
    ),
    ("of two seqs a null is the last", r#"{"action":"pong","seq":5,"seq":null}"#, r#"{"frame":"pong"}"#),
    (
        "of two types the last counts",
        r#"{"type":"a","type":"b"}"#,
        r#"{"frame":"event","type":"b","timestamp":""}"#,
    ),
    (
        "of two payloads the last counts",
        r#"{"type":"t","payload":1,"payload":2}"#,
        r#"{"frame":"event","type":"t","timestamp":"","payload":"2"}"#,
    ),
    (
        "a place of another member order",
        r#"{"prev":3,"seq":7,"topic":"conv:a","type":"t"}"#,
        r#"{"frame":"event","type":"t","timestamp":"","topic":"conv:a","seq":7,"prev":3}"#,
    ),
    (
        "a prev without seq",
        r#"{"type":"t","topic":"conv:a","prev":3}"#,
        r#"{"frame":"event","type":"t","timestamp":"","topic":"conv:a"}"#,
    ),
    ("a bad prev without seq", r#"{"type":"t","prev":-3}"#, r#"{"error":"OutOfRange","member":"prev"}"#),
    ("gap without anything", r#"{"action":"gap"}"#, r#"{"error":"Missing","member":"topic"}"#),
    (
        "gap without a topic",
        r#"{"action":"gap","after":1,"before":2}"#,
        r#"{"error":"Missing","member":"topic"}"#,
    ),
    (
        "gap of no topic",
        r#"{"action":"gap","topic":"general","after":1,"before":2}"#,
        r#"{"error":"WrongType","member":"topic"}"#,
    ),
    (
        "gap without a reason",
        r#"{"action":"gap","topic":"conv:a","after":1,"before":2}"#,
        r#"{"frame":"gap","topic":"conv:a","after":1,"before":2,"reason":"storage"}"#,
    ),
    (
        "gap for retention",
        r#"{"action":"gap","topic":"conv:a","after":1,"before":2,"reason":"retention"}"#,
        r#"{"frame":"gap","topic":"conv:a","after":1,"before":2,"reason":"retention"}"#,
    ),
    (
        "gap for an epoch",
        r#"{"action":"gap","topic":"conv:a","after":1,"before":2,"reason":"epoch"}"#,
        r#"{"frame":"gap","topic":"conv:a","after":1,"before":2,"reason":"epoch"}"#,
    ),
    (
        "gap for what a client missed",
        r#"{"action":"gap","topic":"conv:a","after":1,"before":2,"reason":"missing"}"#,
        r#"{"frame":"gap","topic":"conv:a","after":1,"before":2,"reason":"missing"}"#,
    ),
    (
        "gap for a reason in another case",
        r#"{"action":"gap","topic":"conv:a","after":1,"before":2,"reason":"Retention"}"#,
        r#"{"frame":"gap","topic":"conv:a","after":1,"before":2,"reason":"storage"}"#,
    ),
    (
        "topics without lists",
        r#"{"action":"topics","seq":7}"#,
        r#"{"frame":"topics","added":[],"removed":[],"seq":7}"#,
    ),
    (
        "topics without a seq",
        r#"{"action":"topics","added":["conv:a"]}"#,
        r#"{"error":"Missing","member":"seq"}"#,
    ),
    (
        "draining without a slot",
        r#"{"action":"connection.draining","deadlineMs":2}"#,
        r#"{"error":"Missing","member":"slotMs"}"#,
    ),
    (
        "draining without a deadline",
        r#"{"action":"connection.draining","slotMs":1}"#,
        r#"{"error":"Missing","member":"deadlineMs"}"#,
    ),
    // Names that every object of some languages has: nobody wrote them.
    (
        "a type and an action that only a prototype has",
        r#"{"__proto__":{"type":"t","action":"pong"}}"#,
        r#"{"error":"Missing","member":"action"}"#,
    ),
    (
        "a place that only a prototype has",
        r#"{"__proto__":{"topic":"conv:a","seq":7,"prev":3,"timestamp":"x"},"type":"t"}"#,
        r#"{"frame":"event","type":"t","timestamp":""}"#,
    ),
    (
        "a type and a topic named for what every object has",
        r#"{"type":"constructor","topic":"conv:__proto__","seq":7,"prev":3}"#,
        r#"{"frame":"event","type":"constructor","timestamp":"","topic":"conv:__proto__","seq":7,"prev":3}"#,
    ),
    ("an action named for what every object has", r#"{"action":"toString"}"#, r#"{"frame":"unknown"}"#),
    ("an action named for the prototype", r#"{"action":"__proto__"}"#, r#"{"frame":"unknown"}"#),
    (
        "gap for a reason named for what every object has",
        r#"{"action":"gap","topic":"conv:a","after":1,"before":2,"reason":"constructor"}"#,
        r#"{"frame":"gap","topic":"conv:a","after":1,"before":2,"reason":"storage"}"#,
    ),
    (
        "draining for a reason named for what every object has",
        r#"{"action":"connection.draining","slotMs":1,"deadlineMs":2,"reason":"valueOf"}"#,
        r#"{"frame":"draining","reason":"other","slotMs":1,"deadlineMs":2}"#,
    ),
    (
        "accepted with a gap that only a prototype has",
        r#"{"action":"connection.accepted","gaps":[{"__proto__":{"topic":"conv:a","after":1,"before":2}}]}"#,
        r#"{"error":"Missing","member":"topic"}"#,
    ),
    (
        "accepted with a feature named for what every object has",
        r#"{"action":"connection.accepted","features":["constructor","__proto__"]}"#,
        r#"{"frame":"accepted","resumed":false,"resume":false,"drain":false,"gaps":[]}"#,
    ),
    (
        "accepted with a list that is an object",
        r#"{"action":"connection.accepted","features":{"0":"resume","length":1}}"#,
        r#"{"error":"WrongType","member":"features"}"#,
    ),
    (
        "accepted with features of another type",
        r#"{"action":"connection.accepted","features":"resume"}"#,
        r#"{"error":"WrongType","member":"features"}"#,
    ),
    (
        "accepted with a feature in another case",
        r#"{"action":"connection.accepted","features":["Resume","DRAIN"]}"#,
        r#"{"frame":"accepted","resumed":false,"resume":false,"drain":false,"gaps":[]}"#,
    ),
    (
        "accepted with a feature twice",
        r#"{"action":"connection.accepted","features":["resume","resume"]}"#,
        r#"{"frame":"accepted","resumed":false,"resume":true,"drain":false,"gaps":[]}"#,
    ),
];
