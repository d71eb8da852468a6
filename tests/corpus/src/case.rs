//! What a case looks like in a file: one JSON object a line, its name first.

use serde_json::{Value, json};

/// An input and the outcome that it must have.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    members: Vec<(&'static str, Value)>,
}

impl Case {
    /// A case without an input yet. The name says what is wrong with it, and is the only one of its kind.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Case { name: name.into(), members: Vec::new() }
    }

    /// The same with another member, behind those that it has.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((member, value.into()));
        self
    }

    /// The same under another name.
    #[must_use]
    pub fn renamed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its line, without the line end.
    #[must_use]
    pub fn line(&self) -> String {
        let members: String =
            self.members.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
        format!("{{\"name\":{}{members}}}", Value::from(self.name.as_str()))
    }
}

/// A piece of a text that stands there many times: kept short in the file.
pub(crate) fn times(piece: &str, times: usize) -> Value {
    json!([piece, times])
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
