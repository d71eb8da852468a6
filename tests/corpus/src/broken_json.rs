//! Messages that are no JSON object within the limits, whoever writes them (`docs/protocol.md`, section 9).
//!
//! Checked first, in this order: length, UTF-8, nesting. Then a message must be one JSON object.

use serde_json::{Value, json};

use crate::case::{Case, hex, times};
use crate::places::frame_case;

/// A good frame of a side, and how it is read.
pub(crate) struct Good {
    pub(crate) text: &'static str,
    pub(crate) read: Value,
}

/// The cases of one side; `frames` are good ones that are broken here.
pub(crate) fn cases(side: &str, frames: &[Good]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        cases.extend(spoiled(side, at, frame));
    }
    for text in NO_JSON {
        cases.push(refused(side, &format!("no JSON: {}", text.escape_debug()), *text, "NotJson"));
    }
    for text in NO_OBJECT {
        cases.push(refused(side, &format!("no object: {text}"), *text, "NotAnObject"));
    }
    cases.extend(not_utf8(side, frames[0].text));
    cases.extend(limits(side));
    cases
}

fn refused(side: &str, name: &str, text: impl Into<Value>, error: &str) -> Case {
    frame_case(format!("{side} {name}"), side, text, json!({ "error": error }))
}

/// A good frame with one thing wrong, or with something that is not.
fn spoiled(side: &str, at: usize, frame: &Good) -> Vec<Case> {
    let Good { text, read } = frame;
    let mut cases = Vec::new();
    // A message is whole only with its last brace.
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        cases.push(refused(side, &format!("frame {at} cut at {end}"), &text[..end], "NotJson"));
    }
    for (name, behind) in BEHIND {
        cases.push(refused(side, &format!("frame {at} with {name}"), format!("{text}{behind}"), "NotJson"));
    }
    for (name, before) in BEFORE {
        cases.push(refused(side, &format!("frame {at} behind {name}"), format!("{before}{text}"), "NotJson"));
    }
    let inner = &text[1..];
    for (name, first) in FIRST {
        cases.push(refused(
            side,
            &format!("frame {at}, first {name}"),
            format!("{{{first}{inner}"),
            "NotJson",
        ));
    }
    // The grammar's own white space is none of the frame's.
    for space in [" ", "\t", "\n", "\r", " \t\r\n"] {
        let spaced = format!("{space}{{{space}{}{space}}}{space}", &inner[..inner.len() - 1]);
        let name = format!("{side} frame {at} with white space {}", space.escape_debug());
        cases.push(frame_case(name, side, spaced, read.clone()));
    }
    // Members that nobody knows.
    for (name, first) in UNKNOWN {
        let name = format!("{side} frame {at} with {name}");
        cases.push(frame_case(name, side, format!("{{{first}{inner}"), read.clone()));
    }
    cases
}

const BEHIND: &[(&str, &str)] = &[
    ("a brace too many", "}"),
    ("a bracket behind it", "]"),
    ("a comma behind it", ","),
    ("a letter behind it", "x"),
    ("a zero byte behind it", "\0"),
    ("another object behind it", "{}"),
    ("a line break and another object", "\n{\"action\":\"ping\"}"),
    ("a comment behind it", "//"),
    ("a byte order mark behind it", "\u{feff}"),
    ("a form feed behind it", "\u{c}"),
    ("a hard space behind it", "\u{a0}"),
];

const BEFORE: &[(&str, &str)] = &[
    ("a byte order mark", "\u{feff}"),
    ("a zero byte", "\0"),
    ("a comma", ","),
    ("a brace", "{"),
    ("a comment", "/**/"),
    ("a hard space", "\u{a0}"),
    ("a vertical tab", "\u{b}"),
    ("a record separator", "\u{1e}"),
    ("a guard", ")]}',\n"),
];

const FIRST: &[(&str, &str)] = &[
    ("a comma", ","),
    ("two commas", "\"x\":1,,"),
    ("a name without a value", "\"x\","),
    ("a name and a colon", "\"x\":,"),
    ("a bare name", "x:1,"),
    ("a name in single quotes", "'x':1,"),
    ("a number for a name", "1:1,"),
    ("a null for a name", "null:1,"),
    ("an equals sign", "\"x\"=1,"),
    ("no comma behind a member", "\"x\":1 "),
    ("a semicolon", "\"x\":1;"),
    ("a comment", "/* x */"),
    ("a name with a bare tab", "\"x\t\":1,"),
    ("a name with a bad escape", "\"\\x\":1,"),
    ("a trailing comma in a list", "\"x\":[1,],"),
    ("a trailing comma in an object", "\"x\":{\"a\":1,},"),
    ("a list that is closed as an object", "\"x\":[1},"),
    ("an object that is closed as a list", "\"x\":{\"a\":1],"),
    ("a colon in a list", "\"x\":[\"a\":1],"),
    ("a hole in a list", "\"x\":[1,,2],"),
    ("an ellipsis", "..."),
];

const UNKNOWN: &[(&str, &str)] = &[
    ("a member of a later version", "\"x\":{\"y\":[1,\"z\",null,true,-0.5e-7]},"),
    ("a member with an empty name", "\"\":0,"),
    ("a member with a lone surrogate for a name", "\"\\ud800\":0,"),
    ("a lone surrogate where nobody reads", "\"x\":\"\\udfff\","),
    ("a number beyond any range where nobody reads", "\"x\":1e999,"),
    ("a prototype", "\"__proto__\":{\"action\":\"x\"},\"constructor\":1,"),
    ("an unknown member twice", "\"x\":1,\"x\":2,"),
    ("a member whose name differs in case", "\"Action\":1,\"TYPE\":2,"),
    ("a member whose name has a space", "\"action \":1,"),
];

const NO_JSON: &[&str] = &[
    "",
    " ",
    "\r\n",
    "x",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "{]",
    "[}",
    "{'a':1}",
    "{a:1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":1 \"b\":2}",
    "[1,]",
    "[,1]",
    "[1 2]",
    "tru",
    "True",
    "nul",
    "NULL",
    "undefined",
    "NaN",
    "01",
    "1.",
    ".1",
    "+1",
    "0x1",
    "1e",
    "--1",
    "\"\\x\"",
    "\"\t\"",
    "{}{}",
    "[][]",
    "{} x",
    "<xml/>",
    "action=ping",
    "%7B%22action%22%3A%22ping%22%7D",
    "\u{feff}",
    "\u{feff}{}",
    "\0",
    "{\0}",
    "\u{2028}{}",
    "{\u{a0}}",
    "{\"a\":'b'}",
    "{\"a\":/* */1}",
    "{\"a\":1}//",
    "GET / HTTP/1.1\r\n\r\n",
];

const NO_OBJECT: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1.5e3",
    "\"\"",
    "\"ping\"",
    "\"{\\\"action\\\":\\\"ping\\\"}\"",
    "[]",
    "[{}]",
    "[{\"action\":\"ping\"}]",
    "[\"action\",\"ping\"]",
    " [ ] ",
];

/// Bytes that no UTF-8 has.
pub(crate) const BAD_UTF8: &[(&str, &[u8])] = &[
    ("a continuation byte", b"\x80"),
    ("the last continuation byte", b"\xbf"),
    ("an overlong slash", b"\xc0\xaf"),
    ("an overlong zero", b"\xc0\x80"),
    ("an overlong slash in three bytes", b"\xe0\x80\xaf"),
    ("an overlong slash in four bytes", b"\xf0\x80\x80\xaf"),
    ("a high surrogate", b"\xed\xa0\x80"),
    ("a low surrogate", b"\xed\xbf\xbf"),
    ("a pair of surrogates", b"\xed\xa0\xbc\xed\xbe\x88"),
    ("a character above U+10FFFF", b"\xf4\x90\x80\x80"),
    ("five bytes", b"\xf8\x88\x80\x80\x80"),
    ("a byte FE", b"\xfe"),
    ("a byte FF", b"\xff"),
    ("two bytes, cut", b"\xc3"),
    ("three bytes, cut", b"\xe2\x82"),
    ("four bytes, cut", b"\xf0\x9f\x8e"),
    ("a Latin-1 letter", b"\xe9t\xe9"),
];

fn not_utf8(side: &str, frame: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, bytes) in BAD_UTF8 {
        for (place, before, behind) in [
            ("where nobody reads", "{\"x\":\"", format!("\",{}", &frame[1..])),
            ("in a name", "{\"", format!("\":1,{}", &frame[1..])),
            ("outside of texts", "{", frame[1..].to_owned()),
            ("behind the frame", frame, String::new()),
        ] {
            let message = [before.as_bytes(), bytes, behind.as_bytes()].concat();
            cases.push(
                Case::new(format!("{side} {what} {place}"))
                    .with("side", side)
                    .with("hex", hex(&message))
                    .with("expect", json!({"error": "NotUtf8"})),
            );
        }
    }
    cases
}

/// 64 KiB, 32 levels, and which of two faults is told.
fn limits(side: &str) -> Vec<Case> {
    let unknown = || json!({"frame": "unknown"});
    let case =
        |name: &str, text: Value, expect: Value| frame_case(format!("{side} {name}"), side, text, expect);
    let error = |name: &str| json!({ "error": name });
    let mut cases = Vec::new();
    let envelope = r#"{"action":"x","y":""}"#.len();
    for bytes in [65_535, 65_536, 65_537, 70_000] {
        let filled = json!([r#"{"action":"x","y":""#, times("a", bytes - envelope), "\"}"]);
        let expect = if bytes > 65_536 { error("TooLong") } else { unknown() };
        cases.push(case(&format!("of {bytes} bytes"), filled, expect.clone()));
        // White space counts.
        let padded = json!([r#"{"action":"x"}"#, times(" ", bytes - 14)]);
        cases.push(case(&format!("of {bytes} bytes, most of them behind it"), padded, expect));
    }
    for levels in [31, 32, 33, 64, 1000] {
        let expect = if levels > 32 { error("TooDeep") } else { unknown() };
        for (what, open, close) in
            [("lists", "[", "]"), ("objects", "{\"a\":", "}"), ("both", "[{\"a\":", "}]")]
        {
            let each = open.matches(['[', '{']).count();
            let (inner, rest) = ((levels - 1) / each, (levels - 1) % each);
            let value = json!([
                r#"{"action":"x","y":"#,
                times("[", rest),
                times(open, inner),
                "0",
                times(close, inner),
                times("]", rest),
                "}"
            ]);
            cases.push(case(&format!("of {levels} levels of {what}"), value, expect.clone()));
        }
    }
    for (name, text, expect) in [
        (
            "a control character ahead of too many levels",
            json!(["{\"y\":\"\u{1}\",\"z\":", times("[", 40), times("]", 40), "}"]),
            error("NotJson"),
        ),
        (
            "too many levels ahead of a control character",
            json!(["{\"y\":", times("[", 40), times("]", 40), ",\"z\":\"\u{1}\"}"]),
            error("TooDeep"),
        ),
        (
            "too many levels behind brackets that close nothing",
            json!(["]]]]", times("[", 33)]),
            error("TooDeep"),
        ),
        (
            "brackets within a text are no levels",
            json!([r#"{"action":"x","y":""#, times("[{", 500), "\"}"]),
            unknown(),
        ),
        (
            "an escaped quote does not end a text",
            json!([r#"{"action":"x","y":"\""#, times("[", 500), "\"}"]),
            unknown(),
        ),
        (
            "an escaped backslash ends before the quote",
            json!([r#"{"action":"x","y":"\\","z":"#, times("[", 32), times("]", 32), "}"]),
            error("TooDeep"),
        ),
        (
            "lists side by side are one level",
            json!([r#"{"action":"x","y":["#, times("[],", 1000), "[]]}"]),
            unknown(),
        ),
        ("nesting is told before grammar", json!([times("{", 33)]), error("TooDeep")),
        ("nesting without an end", json!([times("[", 60_000)]), error("TooDeep")),
        ("nesting behind a bad value", json!(["{\"action\":x,\"y\":", times("[", 40)]), error("TooDeep")),
        ("length is told before nesting", json!([times("[", 65_537)]), error("TooLong")),
        ("length is told before grammar", json!([times("x", 65_537)]), error("TooLong")),
        (
            "length is counted in bytes",
            json!([r#"{"action":"x","y":""#, times("\u{e9}", 32_759), "\"}"]),
            error("TooLong"),
        ),
        ("32 levels cut short are no JSON", json!([times("[", 32)]), error("NotJson")),
    ] {
        cases.push(case(name, text, expect));
    }
    cases.push(
        Case::new(format!("{side} UTF-8 is told before nesting"))
            .with("side", side)
            .with("hex", hex(&[&[b'['; 40][..], b"\xff"].concat()))
            .with("expect", error("NotUtf8")),
    );
    cases
}
