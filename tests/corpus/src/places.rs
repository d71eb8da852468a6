//! One member of a frame, and every value in it.

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::json_values::Reading;

/// A place in a frame where a value is read.
pub(crate) struct Place {
    /// Who writes such a frame.
    pub(crate) side: &'static str,
    /// Says which frame and member, in the names of cases.
    pub(crate) what: &'static str,
    /// The frame; `@` stands where the value goes.
    pub(crate) frame: &'static str,
    /// The member as an error names it.
    pub(crate) member: &'static str,
    /// The frame as it is read without the member.
    pub(crate) without: fn() -> Value,
    /// What is made of a `null` there, and of values that are no good.
    pub(crate) rule: Rule,
}

/// How strictly a member is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// It must be there, and be good.
    Required,
    /// It may be absent, but what is there must be good.
    Optional,
    /// What is not good reads as absent: plain servers have their own ideas.
    Lenient,
}

impl Place {
    /// A case for each value; `put` writes a good one into the frame as it is read without it.
    pub(crate) fn cases<T: Copy>(
        &self,
        values: &[(&str, Reading<T>)],
        put: impl Fn(&mut Map<String, Value>, T),
    ) -> Vec<Case> {
        values
            .iter()
            .map(|(value, reading)| {
                let expect = match (reading, self.rule) {
                    (Reading::NotJson, _) => json!({"error": "NotJson"}),
                    (Reading::Is(good), _) => {
                        let mut frame = (self.without)();
                        put(frame.as_object_mut().expect("a frame is an object"), *good);
                        frame
                    }
                    (Reading::Absent, Rule::Required) => json!({"error": "Missing", "member": self.member}),
                    (Reading::Absent, Rule::Optional)
                    | (Reading::Absent | Reading::WrongType | Reading::OutOfRange, Rule::Lenient) => {
                        (self.without)()
                    }
                    (Reading::WrongType, _) => json!({"error": "WrongType", "member": self.member}),
                    (Reading::OutOfRange, _) => json!({"error": "OutOfRange", "member": self.member}),
                };
                frame_case(
                    format!("{} {}: {}", self.side, self.what, value.escape_debug()),
                    self.side,
                    self.frame.replacen('@', value, 1),
                    expect,
                )
            })
            .collect()
    }
}

/// A message and what a decoder makes of it, in the form of `crates/proto/tests/vectors/frames.json`.
pub(crate) fn frame_case(name: impl Into<String>, side: &str, text: impl Into<Value>, expect: Value) -> Case {
    Case::new(name).with("side", side).with("text", text).with("expect", expect)
}
