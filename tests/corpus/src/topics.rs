//! Names of topics: `prefix:rest`, prefix of `a-z`, `0-9`, `_`, rest not empty, at most 256 bytes, no control characters.
//!
//! Each case breaks one rule, so that which one is told does not depend on the order of the checks.

use serde_json::{Value, json};

use crate::case::{Case, times};

const TOO_LONG: &str = "TooLong";
const SHAPE: &str = "Shape";
const CONTROL: &str = "ControlCharacter";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in GOOD {
        cases.push(good(format!("good: {}", text.escape_debug()), *text));
    }
    for text in SHAPELESS {
        cases.push(bad(format!("no shape: {}", text.escape_debug()), *text, SHAPE));
    }
    for code in (0..0x80).filter(|code| !is_prefix_byte(*code) && *code != b':') {
        let character = char::from(code);
        cases.push(bad(
            format!("a prefix with {}", character.escape_debug()),
            format!("co{character}nv:c1"),
            SHAPE,
        ));
    }
    for code in (0..0x80).filter(|code| !char::from(*code).is_ascii_control()) {
        let character = char::from(code);
        cases.push(good(format!("a rest with {}", character.escape_debug()), format!("conv:a{character}b")));
    }
    for code in (0..0x20).chain(0x7f..0xa0) {
        let character = char::from_u32(code).expect("below the surrogates");
        cases.push(bad(format!("control character U+{code:04X}"), format!("conv:a{character}b"), CONTROL));
        cases.push(bad(
            format!("control character U+{code:04X} alone"),
            format!("conv:{character}"),
            CONTROL,
        ));
    }
    // "at most 256 bytes": of UTF-8, so that characters of one to four bytes end in different places.
    for character in ["x", "\u{e9}", "\u{20ac}", "\u{1f388}"] {
        for length in [255, 256, 257, 258, 259, 260, 300, 65_000] {
            let (count, rest) = ((length - 5) / character.len(), (length - 5) % character.len());
            let text = json!(["conv:", times(character, count), times("y", rest)]);
            let name = format!("{length} bytes of {character}");
            cases.push(if length > 256 { bad(name, text, TOO_LONG) } else { good(name, text) });
        }
    }
    cases.push(good("a prefix of 255 bytes", json!([times("p", 254), ":r"])));
    cases.push(bad("a prefix of 256 bytes", json!([times("p", 256), ":r"]), TOO_LONG));
    cases
}

fn is_prefix_byte(code: u8) -> bool {
    code.is_ascii_lowercase() || code.is_ascii_digit() || code == b'_'
}

fn good(name: impl Into<String>, text: impl Into<Value>) -> Case {
    Case::new(name).with("text", text).with("expect", "topic")
}

fn bad(name: impl Into<String>, text: impl Into<Value>, rule: &str) -> Case {
    Case::new(name).with("text", text).with("expect", rule)
}

pub(crate) const GOOD: &[&str] = &[
    "user:alice",
    "conv:c1",
    "chat:thread-1",
    "transcript:w1:t1",
    "notifications:alice",
    "conv_ondemand:c1",
    "a:b",
    "0:0",
    "_:_",
    "a_1:x",
    "conv::",
    "conv:::a",
    "conv: ",
    "conv:a b",
    "conv:*",
    "conv:../../etc/passwd",
    "conv:{account}",
    "conv:%00",
    "conv:\u{a0}",
    "conv:\u{200b}",
    "conv:\u{2028}",
    "conv:\u{202e}abc",
    "conv:\u{feff}",
    "conv:\u{fffd}",
    "conv:\u{ffff}",
    "conv:\u{10ffff}",
    "conv:Zürich 東京 \u{1f388}",
    "conv:e\u{301}",
];

pub(crate) const SHAPELESS: &[&str] = &[
    "",
    ":",
    "::",
    ":c1",
    "conv",
    "conv:",
    "conv_ondemand:",
    "CONV:c1",
    "Conv:c1",
    "cOnv:c1",
    " conv:c1",
    "conv :c1",
    "con-v:c1",
    "con.v:c1",
    "c\u{f6}nv:c1",
    "\u{441}onv:c1",
    "c\u{307}onv:c1",
    "\u{661}:c1",
    "\u{ff41}:c1",
    "\u{feff}conv:c1",
    "conv\u{ff1a}c1",
    "conv\u{a789}c1",
    "conv;c1",
];
