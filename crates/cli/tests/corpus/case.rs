//! How cases are read, and how failures are told.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The cases of one file.
pub(crate) struct Cases(Vec<Value>);

impl Cases {
    pub(crate) fn read(file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/data").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cases: Vec<Value> = text
            .lines()
            .enumerate()
            .map(|(at, line)| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}:{}: {error}", at + 1))
            })
            .collect();
        assert!(!cases.is_empty(), "{file} is empty");
        Cases(cases)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Each with its line, counted from 1.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Value)> {
        self.0.iter().enumerate().map(|(at, case)| (at + 1, case))
    }
}

/// Cases that had another outcome.
#[derive(Default)]
pub(crate) struct Failures(Vec<String>);

/// So many are told in full.
const TOLD: usize = 40;

impl Failures {
    pub(crate) fn note(&mut self, file: &str, line: usize, case: &Value, outcome: Result<(), String>) {
        if let Err(why) = outcome {
            self.0.push(format!("tests/corpus/data/{file}:{line}: {}: {why}", case["name"]));
        }
    }

    pub(crate) fn end(self) {
        let told: Vec<&str> = self.0.iter().take(TOLD).map(String::as_str).collect();
        assert!(self.0.is_empty(), "{} cases have another outcome:\n{}", self.0.len(), told.join("\n"));
    }
}

/// The outcome is the one that the case asks for.
pub(crate) fn same(seen: &Value, expected: &Value) -> Result<(), String> {
    if seen == expected {
        return Ok(());
    }
    let short = |value: &Value| -> String { value.to_string().chars().take(300).collect() };
    Err(format!("expected {}, got {}", short(expected), short(seen)))
}

/// The bytes of a member: a text, or a list of pieces. A piece is a text, `[text, times]` or `{"hex": digits}`.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(pieces) => pieces.iter().flat_map(piece).collect(),
        other => panic!("no bytes: {other}"),
    }
}

/// The same where it is a text.
pub(crate) fn text(value: &Value) -> String {
    String::from_utf8(bytes(value)).expect("a text")
}

fn piece(piece: &Value) -> Vec<u8> {
    match piece {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(repeated) => {
            let times = usize::try_from(repeated[1].as_u64().expect("how often")).expect("not that often");
            bytes(&Value::Array(vec![repeated[0].clone()])).repeat(times)
        }
        Value::Object(_) => unhex(piece["hex"].as_str().expect("hex digits")),
        other => panic!("no piece: {other}"),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let nibbles: Vec<u8> =
        digits.chars().map(|digit| digit.to_digit(16).expect("a hex digit") as u8).collect();
    nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
