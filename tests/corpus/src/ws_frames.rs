//! What a client sends over an accepted socket, byte by byte, and what comes back before which end (RFC 6455 and
//! `docs/protocol.md`, sections 5 and 6).
//!
//! `send`: the bytes. `effects`: what the gateway sends, in order: `{"pong": hex}` at the WebSocket layer, or the members of
//! a JSON frame that count. `close`: its close frame, a code that is null being none; without it the socket stays open.

use serde_json::{Value, json};

use crate::broken_json::BAD_UTF8;
use crate::case::{Case, hex, times};
use crate::masked::{FIN, Length, frame, header, masked};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const JSON_PING: &str = r#"{"action":"ping"}"#;

pub(crate) fn cases() -> Vec<Case> {
    [headers(), lengths(), fragments(), closes(), texts(), binaries(), controls(), json_frames()].concat()
}

/// What ends a socket, as its close frame says it.
fn closed(code: u16, name: &str) -> Value {
    json!({"code": code, "reason": name})
}

fn protocol_error() -> Value {
    closed(1002, "protocol_error")
}

fn pong_frame() -> Value {
    json!({"frame": {"action": "pong"}})
}

fn bad_frame() -> Value {
    json!({"frame": {"action": "error", "code": "BAD_FRAME"}})
}

fn ends(name: impl Into<String>, send: &[u8], effects: &[Value], close: Value) -> Case {
    Case::new(name).with("send", json!([{"hex": hex(send)}])).with("effects", effects).with("close", close)
}

fn stays(name: impl Into<String>, send: &[u8], effects: &[Value]) -> Case {
    Case::new(name).with("send", json!([{"hex": hex(send)}])).with("effects", effects)
}

/// The first two bytes: FIN, the reserved bits, the opcode, the mask bit.
fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    let earlier = frame(FIN | PING, b"hi");
    for bits in 1..8u8 {
        for opcode in [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] {
            let bytes = [earlier.clone(), frame(FIN | bits << 4 | opcode, b"")].concat();
            let name = format!("reserved bits {bits:03b} of opcode {opcode}, behind a ping");
            cases.push(ends(name, &bytes, &[json!({"pong": hex(b"hi")})], protocol_error()));
        }
    }
    for opcode in (3..8).chain(11..16) {
        for (fin, payload) in [(FIN, &b""[..]), (FIN, b"hello"), (0, b""), (0, b"hello")] {
            let name = format!("reserved opcode {opcode}, FIN {}, {} bytes", fin >> 7, payload.len());
            cases.push(ends(name, &frame(fin | opcode, payload), &[], protocol_error()));
        }
    }
    for opcode in [CLOSE, PING, PONG] {
        for payload in [&b""[..], b"\x03\xe8", &[b'x'; 125]] {
            let name = format!("control frame {opcode} of {} bytes without FIN", payload.len());
            cases.push(ends(name, &frame(opcode, payload), &[], protocol_error()));
        }
        for (what, length) in [
            ("126", Length::Medium(126)),
            ("65,535", Length::Medium(65_535)),
            ("65,536", Length::Long(65_536)),
        ] {
            let name = format!("control frame {opcode} that announces {what} bytes");
            cases.push(ends(name, &header(FIN | opcode, length, true), &[], protocol_error()));
        }
        // Neither the long form for a short payload.
        let name = format!("control frame {opcode} with 5 bytes in the long form");
        cases.push(ends(name, &header(FIN | opcode, Length::Medium(5), true), &[], protocol_error()));
    }
    for opcode in [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] {
        for payload in [&b""[..], b"\x03\xe8"] {
            let bytes =
                [header(FIN | opcode, Length::Short(payload.len() as u8), false), payload.to_vec()].concat();
            let name = format!("opcode {opcode} with {} bytes, not masked", payload.len());
            cases.push(ends(name, &bytes, &[], protocol_error()));
        }
    }
    cases
}

/// The forms of a length, and the limit of a message.
fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for opcode in [TEXT, BINARY] {
        for length in [0, 1, 5, 124, 125] {
            let name = format!("opcode {opcode}: {length} bytes in 16 bits");
            cases.push(ends(
                name,
                &header(FIN | opcode, Length::Medium(length), true),
                &[],
                protocol_error(),
            ));
        }
        for length in [0, 1, 125, 126, 127, 65_534, 65_535] {
            let name = format!("opcode {opcode}: {length} bytes in 64 bits");
            cases.push(ends(name, &header(FIN | opcode, Length::Long(length), true), &[], protocol_error()));
        }
        for length in [1 << 63, u64::MAX, (1 << 63) + 5] {
            let name = format!("opcode {opcode}: a length of {length:#x}, with its top bit");
            cases.push(ends(name, &header(FIN | opcode, Length::Long(length), true), &[], protocol_error()));
        }
        // Told by the header, before a byte of the payload has come.
        for length in [65_537, 70_000, 1 << 31, 1 << 32, 1 << 53, (1 << 63) - 1] {
            let name = format!("opcode {opcode}: a message that announces {length} bytes");
            cases.push(ends(
                name,
                &header(FIN | opcode, Length::Long(length), true),
                &[],
                closed(1009, "too_big"),
            ));
        }
    }
    let spaces = |first: u8, count: usize| json!([{"hex": hex(&header(first, Length::of(count), true))}, times(" ", count)]);
    let long = |name: &str, send: Vec<Value>, effects: Vec<Value>, close: Option<Value>| {
        let send: Vec<Value> =
            send.into_iter().flat_map(|part| part.as_array().cloned().unwrap_or_default()).collect();
        let case = Case::new(name).with("send", send).with("effects", effects);
        match close {
            Some(close) => case.with("close", close),
            None => case,
        }
    };
    let too_big = || Some(closed(1009, "too_big"));
    let rest = |bytes: &[u8]| json!([{"hex": hex(bytes)}]);
    cases.push(long(
        "65,536 bytes of white space",
        vec![spaces(FIN | TEXT, 65_536)],
        vec![bad_frame()],
        None,
    ));
    cases.push(long("65,537 bytes of white space", vec![spaces(FIN | TEXT, 65_537)], vec![], too_big()));
    cases.push(long(
        "a ping within 65,536 bytes",
        vec![
            rest(&[header(FIN | TEXT, Length::Long(65_536), true), JSON_PING.into()].concat()),
            json!([times(" ", 65_536 - JSON_PING.len())]),
        ],
        vec![pong_frame()],
        None,
    ));
    cases.push(long(
        "fragments of 65,536 bytes together",
        vec![spaces(TEXT, 65_000), spaces(CONTINUATION, 500), spaces(FIN, 36)],
        vec![bad_frame()],
        None,
    ));
    cases.push(long(
        "fragments of 65,537 bytes together",
        vec![spaces(TEXT, 65_000), spaces(CONTINUATION, 500), spaces(FIN, 37)],
        vec![],
        too_big(),
    ));
    cases.push(long(
        "a full message and an empty fragment without end",
        vec![spaces(TEXT, 65_536), rest(&frame(CONTINUATION, b"")), rest(&frame(FIN, b""))],
        vec![bad_frame()],
        None,
    ));
    cases
}

/// Which frame may follow on which.
fn fragments() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, first) in [("the last", FIN), ("not the last", 0)] {
        for payload in [&b""[..], b"x"] {
            let name = format!("a continuation of nothing, {what}, {} bytes", payload.len());
            cases.push(ends(name, &frame(first | CONTINUATION, payload), &[], protocol_error()));
        }
        let bytes = [frame(FIN | TEXT, JSON_PING.as_bytes()), frame(first | CONTINUATION, b"")].concat();
        let name = format!("a continuation of a whole message, {what}");
        cases.push(ends(name, &bytes, &[pong_frame()], protocol_error()));
        for (outer, inner) in [(TEXT, TEXT), (TEXT, BINARY), (BINARY, TEXT), (BINARY, BINARY)] {
            let bytes = [frame(outer, b"{"), frame(first | inner, b"}")].concat();
            let name = format!("opcode {inner} within a message of opcode {outer}, {what}");
            cases.push(ends(name, &bytes, &[], protocol_error()));
        }
    }
    // However a frame is cut, it is the same message, also with control frames in between.
    for at in 0..=JSON_PING.len() {
        let (head, tail) = JSON_PING.as_bytes().split_at(at);
        cases.push(stays(
            format!("a ping in two at {at}"),
            &[frame(TEXT, head), frame(FIN, tail)].concat(),
            &[pong_frame()],
        ));
        let bytes =
            [frame(TEXT, head), frame(FIN | PING, b"between"), frame(FIN | PONG, b"x"), frame(FIN, tail)]
                .concat();
        let effects = [json!({"pong": hex(b"between")}), pong_frame()];
        cases.push(stays(format!("a ping in two at {at}, a WebSocket ping between"), &bytes, &effects));
    }
    let pieces: Vec<u8> = JSON_PING.bytes().flat_map(|byte| frame(CONTINUATION, &[byte])).collect();
    let bytes = [frame(TEXT, b""), pieces, frame(FIN, b"")].concat();
    cases.push(stays("a ping in single bytes", &bytes, &[pong_frame()]));
    let many = frame(CONTINUATION, b"").repeat(500);
    let bytes = [frame(TEXT, JSON_PING.as_bytes()), many, frame(FIN, b"")].concat();
    cases.push(stays("a ping and 501 empty fragments", &bytes, &[pong_frame()]));
    let bytes =
        [frame(TEXT, b"{\"act"), frame(FIN | CLOSE, b"\x03\xe8"), frame(FIN, b"ion\":\"ping\"}")].concat();
    cases.push(ends("a close within a message", &bytes, &[], closed(1000, "normal")));
    let bytes = [frame(TEXT, b"{"), frame(CLOSE, b"")].concat();
    cases.push(ends("a fragmented close within a message", &bytes, &[], protocol_error()));
    cases
}

/// A close frame is echoed with its code and that code's name, and nothing behind it is looked at.
fn closes() -> Vec<Case> {
    let mut cases = vec![
        ends("a close without a code", &frame(FIN | CLOSE, b""), &[], json!({"code": null, "reason": ""})),
        ends("a close of one byte", &frame(FIN | CLOSE, b"\x03"), &[], protocol_error()),
    ];
    for (code, name) in MAY_CLOSE {
        let bytes = frame(FIN | CLOSE, &code.to_be_bytes());
        cases.push(ends(format!("a close with {code}"), &bytes, &[], closed(*code, name)));
        let bytes = frame(FIN | CLOSE, &[&code.to_be_bytes()[..], "bye \u{1f388}".as_bytes()].concat());
        cases.push(ends(format!("a close with {code} and a reason"), &bytes, &[], closed(*code, name)));
    }
    for code in [
        0, 1, 99, 500, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 1999, 2000, 2999, 5000, 9999, 32_768,
        65_535,
    ] {
        let bytes = frame(FIN | CLOSE, &u16::to_be_bytes(code));
        cases.push(ends(
            format!("a close with {code}, which nobody may send"),
            &bytes,
            &[],
            protocol_error(),
        ));
    }
    for (what, bad) in BAD_UTF8 {
        let payload = [&b"\x03\xe8bye "[..], bad].concat();
        let name = format!("a close whose reason has {what}");
        cases.push(ends(name, &frame(FIN | CLOSE, &payload), &[], closed(1007, "invalid_text")));
    }
    let long = [&b"\x03\xe8"[..], &[b'x'; 123]].concat();
    cases.push(ends(
        "a close with a reason of 123 bytes",
        &frame(FIN | CLOSE, &long),
        &[],
        closed(1000, "normal"),
    ));
    for (what, behind) in [
        ("a ping", frame(FIN | PING, b"late")),
        ("a frame", frame(FIN | TEXT, JSON_PING.as_bytes())),
        ("another close", frame(FIN | CLOSE, b"\x03\xe9")),
        ("a reserved bit", frame(FIN | 0x70 | TEXT, b"")),
        ("noise", b"\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
    ] {
        let bytes = [frame(FIN | CLOSE, b"\x03\xe8"), behind].concat();
        cases.push(ends(format!("a close and {what} behind it"), &bytes, &[], closed(1000, "normal")));
    }
    let bytes =
        [frame(FIN | PING, b"a"), frame(FIN | TEXT, JSON_PING.as_bytes()), frame(FIN | CLOSE, b"\x03\xe8")]
            .concat();
    cases.push(ends(
        "what comes before a close is answered",
        &bytes,
        &[json!({"pong": hex(b"a")}), pong_frame()],
        closed(1000, "normal"),
    ));
    cases
}

/// Codes that an endpoint may send, with the names of section 6.
const MAY_CLOSE: &[(u16, &str)] = &[
    (1000, "normal"),
    (1001, "going_away"),
    (1002, "protocol_error"),
    (1003, "unsupported"),
    (1007, "invalid_text"),
    (1008, ""),
    (1009, "too_big"),
    (1010, ""),
    (1011, "internal"),
    (1012, ""),
    (1013, ""),
    (1014, ""),
    (3000, ""),
    (3999, ""),
    (4000, ""),
    (4001, "max_duration"),
    (4499, ""),
    (4500, ""),
    (4501, "unauthorized"),
    (4999, ""),
];

/// A text is UTF-8, wherever it is cut.
fn texts() -> Vec<Case> {
    let invalid = || closed(1007, "invalid_text");
    let mut cases = Vec::new();
    for (what, bad) in BAD_UTF8 {
        let whole = [b"{\"x\":\"", *bad, b"\"}"].concat();
        cases.push(ends(format!("a text with {what}"), &frame(FIN | TEXT, &whole), &[], invalid()));
        let bytes = [frame(TEXT, b"{\"x\":\""), frame(CONTINUATION, bad), frame(FIN, b"\"}")].concat();
        cases.push(ends(format!("a fragment with {what}"), &bytes, &[], invalid()));
        let pieces: Vec<u8> = bad.iter().flat_map(|byte| frame(CONTINUATION, &[*byte])).collect();
        let bytes = [frame(TEXT, b"x"), pieces, frame(FIN, b"")].concat();
        cases.push(ends(format!("fragments of one byte with {what}"), &bytes, &[], invalid()));
        let bytes = [frame(FIN | TEXT, JSON_PING.as_bytes()), frame(FIN | TEXT, bad)].concat();
        cases.push(ends(format!("{what} behind a good frame"), &bytes, &[pong_frame()], invalid()));
    }
    for character in ["\u{e9}", "\u{20ac}", "\u{1f388}"] {
        let text = format!(r#"{{"action":"ping","x":"{character}"}}"#);
        for at in 1..text.len() {
            if text.is_char_boundary(at) {
                continue;
            }
            let (head, tail) = text.as_bytes().split_at(at);
            let name = format!("{character} cut at {at} by fragments");
            cases.push(stays(name, &[frame(TEXT, head), frame(FIN, tail)].concat(), &[pong_frame()]));
            // The same without its end.
            cases.push(ends(
                format!("{character} cut at {at} and never whole"),
                &frame(FIN | TEXT, head),
                &[],
                invalid(),
            ));
        }
    }
    cases
}

fn binaries() -> Vec<Case> {
    let unsupported = || closed(1003, "unsupported");
    vec![
        ends("a binary message", &frame(FIN | BINARY, JSON_PING.as_bytes()), &[], unsupported()),
        ends("an empty binary message", &frame(FIN | BINARY, b""), &[], unsupported()),
        ends("a binary message that is no UTF-8", &frame(FIN | BINARY, b"\xff"), &[], unsupported()),
        ends(
            "a fragmented binary message",
            &[frame(BINARY, b"a"), frame(FIN, b"b")].concat(),
            &[],
            unsupported(),
        ),
        ends(
            "a binary message behind good frames",
            &[frame(FIN | TEXT, JSON_PING.as_bytes()), frame(FIN | PING, b"p"), frame(FIN | BINARY, b"b")]
                .concat(),
            &[pong_frame(), json!({"pong": hex(b"p")})],
            unsupported(),
        ),
        ends(
            "nothing behind a binary message is answered",
            &[frame(FIN | BINARY, b"b"), frame(FIN | TEXT, JSON_PING.as_bytes())].concat(),
            &[],
            unsupported(),
        ),
    ]
}

/// Pings are answered with their own bytes, pongs with nothing.
fn controls() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [0, 1, 2, 7, 8, 9, 63, 64, 124, 125] {
        let payload: Vec<u8> = (0..length).map(|at| (at * 37 + 11) as u8).collect();
        let bytes = frame(FIN | PING, &payload);
        cases.push(stays(
            format!("a WebSocket ping of {length} bytes"),
            &bytes,
            &[json!({"pong": hex(&payload)})],
        ));
        cases.push(stays(format!("an unasked pong of {length} bytes"), &frame(FIN | PONG, &payload), &[]));
    }
    let ten: Vec<u8> = (0..10).flat_map(|at| frame(FIN | PING, &[at])).collect();
    let answers: Vec<Value> = (0..10u8).map(|at| json!({"pong": hex(&[at])})).collect();
    cases.push(stays("ten WebSocket pings at once", &ten, &answers));
    for key in [[0; 4], [0xff; 4], [1, 2, 3, 4], [0x80, 0, 0, 0]] {
        let name = format!("a ping under the mask {}", hex(&key));
        cases.push(stays(name, &masked(FIN | TEXT, JSON_PING.as_bytes(), key), &[pong_frame()]));
    }
    let name = "a ping whose payload is its mask";
    cases.push(stays(
        name,
        &masked(FIN | PING, b"\x01\x02\x03\x04", [1, 2, 3, 4]),
        &[json!({"pong": "01020304"})],
    ));
    cases
}

/// Messages that are no frames, or frames that have an answer.
fn json_frames() -> Vec<Case> {
    let text = |text: &str| frame(FIN | TEXT, text.as_bytes());
    let mut cases = Vec::new();
    for (name, message) in [
        ("an empty message", ""),
        ("no JSON", "ping"),
        ("a list", "[]"),
        ("an object without an action", "{}"),
        ("an action that is no text", r#"{"action":1}"#),
        ("a byte order mark", "\u{feff}{\"action\":\"ping\"}"),
        ("two frames in a message", r#"{"action":"ping"}{"action":"ping"}"#),
        ("subscribe without topics", r#"{"action":"subscribe"}"#),
        ("a resume that nobody asked for", r#"{"action":"resume","seq":0}"#),
        (
            "an activity with a status of 65 bytes",
            &format!(r#"{{"action":"activity","conversationId":"c1","status":"{}"}}"#, "x".repeat(65)),
        ),
    ] {
        cases.push(stays(format!("told and lives: {name}"), &text(message), &[bad_frame()]));
        cases.push(stays(
            format!("told, and the next frame is answered: {name}"),
            &[text(message), text(JSON_PING)].concat(),
            &[bad_frame(), pong_frame()],
        ));
        let bytes = text(message).repeat(4);
        cases.push(stays(format!("told four times: {name}"), &bytes, &vec![bad_frame(); 4]));
        let bytes = [text(message).repeat(5), text(JSON_PING)].concat();
        let close = closed(4504, "bad_frame");
        cases.push(ends(format!("five times is the end: {name}"), &bytes, &vec![bad_frame(); 5], close));
    }
    cases.push(stays(
        "an action of a later version is ignored",
        &text(r#"{"action":"later","topics":1}"#),
        &[],
    ));
    for (list, subscribed, errors) in [
        (r#"[]"#, json!([]), json!([])),
        (r#"["x"]"#, json!([]), json!([{"topic": "x", "code": "INVALID_TOPIC"}])),
        (r#"[""]"#, json!([]), json!([{"topic": "", "code": "INVALID_TOPIC"}])),
        (r#"["conv:secret"]"#, json!([]), json!([{"topic": "conv:secret", "code": "FORBIDDEN"}])),
        (
            r#"["conv_ondemand:secret"]"#,
            json!([]),
            json!([{"topic": "conv_ondemand:secret", "code": "FORBIDDEN"}]),
        ),
        (r#"["user:somebody"]"#, json!([]), json!([{"topic": "user:somebody", "code": "FORBIDDEN"}])),
        (
            r#"["conv:\n","conv:secret"]"#,
            json!([]),
            json!([{"topic": "conv:\n", "code": "INVALID_TOPIC"}, {"topic": "conv:secret", "code": "FORBIDDEN"}]),
        ),
    ] {
        let message = format!(r#"{{"action":"subscribe","topics":{list}}}"#);
        let answer =
            json!({"frame": {"action": "subscribe_ack", "subscribed": subscribed, "errors": errors}});
        cases.push(stays(format!("subscribe to {list}"), &text(&message), &[answer]));
    }
    for (list, unsubscribed) in
        [("[]", json!([])), (r#"["x"]"#, json!([])), (r#"["conv:never"]"#, json!(["conv:never"]))]
    {
        let message = format!(r#"{{"action":"unsubscribe","topics":{list}}}"#);
        let answer = json!({"frame": {"action": "unsubscribe_ack", "unsubscribed": unsubscribed}});
        cases.push(stays(format!("unsubscribe from {list}"), &text(&message), &[answer]));
    }
    for (conversation, code) in [("", "INVALID_TOPIC"), ("\\n", "INVALID_TOPIC"), ("secret", "FORBIDDEN")] {
        let message =
            format!(r#"{{"action":"activity","conversationId":"{conversation}","status":"typing"}}"#);
        let answer = json!({"frame": {"action": "error", "code": code}});
        cases.push(stays(format!("activity in {conversation:?}"), &text(&message), &[answer]));
    }
    for topics in [101, 1000] {
        let list = vec!["\"a:b\""; topics].join(",");
        let message = format!(r#"{{"action":"subscribe","topics":[{list}]}}"#);
        cases.push(stays(format!("subscribe to {topics} topics"), &text(&message), &[bad_frame()]));
    }
    for levels in [32, 33] {
        let message =
            format!(r#"{{"action":"ping","x":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
        let answer = if levels > 32 { bad_frame() } else { pong_frame() };
        cases.push(stays(format!("a ping of {levels} levels"), &text(&message), &[answer]));
    }
    cases
}
