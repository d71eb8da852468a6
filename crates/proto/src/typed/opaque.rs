//! A part of a payload whose shape is the application's alone: JSON text, kept as it came.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Any JSON value, as its text. Equal when the texts are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Opaque(Box<RawValue>);

impl Opaque {
    /// Takes `text` when it is one JSON value.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Opaque)
    }

    /// The value's JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Opaque {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Opaque {}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque({} bytes)", self.as_str().len())
    }
}
