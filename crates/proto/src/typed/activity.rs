//! What an account is doing: `activity.status`, a signal. Never logged; sent to `conv_ondemand:{conversationId}`.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::activity::ActivityStatus;

/// Type of [`ActivityChanged`].
pub const STATUS: &str = "activity.status";

/// An account's status in a conversation. It lapses after [`ACTIVITY_LEASE`](crate::ACTIVITY_LEASE) of silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityChanged {
    /// Where.
    pub conversation_id: String,
    /// Who.
    pub user_id: String,
    /// What.
    pub status: ActivityStatus,
}

impl Serialize for ActivityStatus {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ActivityStatus {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(from).map(|name| ActivityStatus::from_name(&name))
    }
}
