//! How much of a peer's bytes is looked at: checked before anything is allocated for them.

/// Limits of a decoder. An operator may move them; the defaults are those of the wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in bytes. Default 64 KiB.
    pub message_bytes: usize,
    /// Deepest nesting of arrays and objects. Default 32.
    pub depth: usize,
    /// Most topics in one `subscribe`, `unsubscribe` or `resume`. Default 100.
    pub topics_per_frame: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { message_bytes: 64 * 1024, depth: 32, topics_per_frame: 100 }
    }
}
