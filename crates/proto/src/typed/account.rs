//! What happens to an account itself: blocks, profile, an agent's settings. Published to `user:{account}`.

use serde::{Deserialize, Serialize};

use crate::typed::object::object;
use crate::typed::open::open_names;

/// Type of [`BlockCreated`].
pub const BLOCK_CREATED: &str = "block.created";
/// Type of [`BlockRemoved`].
pub const BLOCK_REMOVED: &str = "block.removed";
/// Type of [`ProfileUpdated`].
pub const PROFILE_UPDATED: &str = "user.profile_updated";
/// Type of [`SettingsUpdated`].
pub const SETTINGS_UPDATED: &str = "agent.settings_updated";

/// `block.created`: an account blocked another. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockCreated {
    /// Who blocks.
    pub user_id: String,
    /// Whom.
    pub blocked_user_id: String,
}

/// `block.removed`: a block was lifted. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockRemoved {
    /// Who had blocked.
    pub user_id: String,
    /// Whom.
    pub unblocked_user_id: String,
}

/// `user.profile_updated`: a contact's profile changed; absent: as before. Topic: `user:{each friend}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileUpdated {
    /// Whose.
    pub user_id: String,
    /// The name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What the account says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

/// `agent.settings_updated`: an agent's owner changed its settings. Topic: `user:{agent}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsUpdated {
    /// Whose.
    pub agent_id: String,
    /// The settings.
    #[serde(deserialize_with = "object")]
    pub settings: AgentSettings,
}

/// What an owner decides for an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentSettings {
    /// Contact requests wait for the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_owner_approval_for_friend_requests: Option<bool>,
    /// Who may write to the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dm_allowlist: Option<DmAllowlist>,
    /// The owner's profile does not show the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_from_owner_profile: Option<bool>,
}

open_names! {
    /// Who may write to an agent.
    DmAllowlist {
        /// Its owner.
        OwnerOnly = "owner_only",
        /// Its owner and the owner's other agents.
        OwnerAndOwnerAgents = "owner_and_owner_agents",
        /// Every contact.
        AnyoneInContacts = "anyone_in_contacts",
    }
}
