//! The file in which `bowline listen` keeps its cursor, and where it goes on from there. Only what it writes itself is a
//! cursor file: a position that is lost in silence would be a hole that nobody is told of.

use serde_json::{Value, json};

use crate::case::{Case, hex, times};
use crate::json_values::{EPOCHS, POSITIONS, Reading};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, text) in NAMED_BAD {
        cases.push(case(*name, *text, damaged()));
    }
    for (name, text, expect) in [
        ("what is written before anything came", "{\"epoch\":null,\"seq\":0}\n", json!({"start": true})),
        ("the same without an epoch", "{\"seq\":0}", json!({"start": true})),
        (
            "a position",
            "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7}\n",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 7}),
        ),
        (
            "members in another order",
            "{\"seq\":7,\"epoch\":\"9f3c0a77d1e24b60\"}",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 7}),
        ),
        (
            "a position and a session",
            "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7,\"sessionId\":\"q1Zr-_\"}",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 7, "sessionId": "q1Zr-_"}),
        ),
        (
            "a session that nobody can have had",
            "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7,\"sessionId\":\"a b\"}",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 7}),
        ),
        (
            "a member of a later version",
            "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7,\"later\":[1]}",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 7}),
        ),
        (
            "the largest position",
            "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":9007199254740991}",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 9_007_199_254_740_991_u64}),
        ),
        (
            "the beginning of a log",
            "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":0}",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 0}),
        ),
        (
            "white space",
            " \r\n{ \"epoch\" : \"9f3c0a77d1e24b60\" , \"seq\" : 7 }\r\n\r\n",
            json!({"epoch": "9f3c0a77d1e24b60", "seq": 7}),
        ),
    ] {
        cases.push(case(name, text, expect));
    }
    let whole = "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":1844674,\"sessionId\":\"q1Zr\"}";
    for end in 0..whole.len() {
        cases.push(case(format!("cut at {end}"), &whole[..end], damaged()));
    }
    // What is no number of ours, and numbers that no position is; other spellings of a position are not written.
    for (value, reading) in POSITIONS {
        if !matches!(reading, Reading::Is(_)) {
            let text = format!("{{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":{value}}}");
            cases.push(case(format!("seq {}", value.escape_debug()), text, damaged()));
        }
    }
    for (value, reading) in EPOCHS {
        let text = format!("{{\"epoch\":{value},\"seq\":7}}");
        let expect = match reading {
            Reading::Is(epoch) => json!({"epoch": epoch, "seq": 7}),
            _ => damaged(),
        };
        cases.push(case(format!("epoch {value}"), text, expect));
    }
    for (name, bytes) in [
        ("zero bytes, as a disk leaves them", &[0; 64][..]),
        ("bytes that are no UTF-8", b"{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7,\"x\":\"\xff\"}"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("a position and zero bytes behind it", b"{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7}\n\0\0\0\0"),
    ] {
        cases.push(case(name, json!([{"hex": hex(bytes)}]), damaged()));
    }
    cases.push(case("many brackets", json!([times("[", 10_000)]), damaged()));
    cases
}

fn damaged() -> Value {
    json!({"damaged": true})
}

fn case(name: impl Into<String>, text: impl Into<Value>, expect: Value) -> Case {
    Case::new(name).with("text", text).with("expect", expect)
}

const NAMED_BAD: &[(&str, &str)] = &[
    ("nothing", ""),
    ("a line end", "\n"),
    ("a number", "7"),
    ("null", "null"),
    ("a text", "\"9f3c0a77d1e24b60\""),
    ("an empty object", "{}"),
    ("a list", "[]"),
    ("the members' values as a list", "[\"9f3c0a77d1e24b60\",7,null]"),
    ("the values of two members as a list", "[\"9f3c0a77d1e24b60\",7]"),
    ("an epoch alone", "{\"epoch\":\"9f3c0a77d1e24b60\"}"),
    // Behind what is a position only with its log.
    ("a position without its epoch", "{\"seq\":7}"),
    ("a position whose epoch is null", "{\"epoch\":null,\"seq\":7}"),
    ("a session without a position", "{\"sessionId\":\"q1Zr\"}"),
    ("names in another case", "{\"Epoch\":\"9f3c0a77d1e24b60\",\"Seq\":7}"),
    ("a seq twice", "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7,\"seq\":8}"),
    ("an epoch that is a number", "{\"epoch\":5,\"seq\":7}"),
    ("a session that is a number", "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7,\"sessionId\":5}"),
    ("two objects", "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7}{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":8}"),
    ("two lines", "{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7}\n{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":8}\n"),
    ("an event", "{\"type\":\"t\",\"topic\":\"conv:a\",\"payload\":{}}"),
    ("a byte order mark", "\u{feff}{\"epoch\":\"9f3c0a77d1e24b60\",\"seq\":7}"),
    ("single quotes", "{'epoch':'9f3c0a77d1e24b60','seq':7}"),
    ("another kind of file", "#!/bin/sh\nexit 0\n"),
];
