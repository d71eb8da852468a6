//! Activity statuses and the times that both ends agree on.

use core::time::Duration;
use std::sync::Arc;

/// What an account is doing in a conversation. Open: an unknown status is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ActivityStatus {
    /// Writing a message.
    Typing,
    /// Working out an answer.
    Thinking,
    /// Waiting for a tool.
    ToolCalling,
    /// Nothing: clears the others.
    Idle,
    /// A status of a later version.
    Other(Arc<str>),
}

impl ActivityStatus {
    /// The status named `text`.
    #[must_use]
    pub fn from_name(text: &str) -> Self {
        match text {
            "typing" => ActivityStatus::Typing,
            "thinking" => ActivityStatus::Thinking,
            "tool_calling" => ActivityStatus::ToolCalling,
            "idle" => ActivityStatus::Idle,
            other => ActivityStatus::Other(other.into()),
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            ActivityStatus::Typing => "typing",
            ActivityStatus::Thinking => "thinking",
            ActivityStatus::ToolCalling => "tool_calling",
            ActivityStatus::Idle => "idle",
            ActivityStatus::Other(name) => name,
        }
    }

    /// Anything but idle.
    #[must_use]
    pub fn is_active(&self) -> bool {
        *self != ActivityStatus::Idle
    }
}

/// A status that is not renewed for this long has lapsed (wire protocol, section 4).
pub const ACTIVITY_LEASE: Duration = Duration::from_secs(8);
/// A client sends an active status again this often, so that two losses in a row do not lapse it.
pub const ACTIVITY_HEARTBEAT: Duration = Duration::from_secs(5);
/// A client suppresses the same status within this time.
pub const ACTIVITY_THROTTLE: Duration = Duration::from_secs(3);
