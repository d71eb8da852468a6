//! What happens to conversations and their members: `conversation.*`.

use serde::{Deserialize, Deserializer, Serialize};

use crate::typed::message::ConversationType;
use crate::typed::object::{object, objects};
use crate::typed::opaque::Opaque;
use crate::typed::open::open_names;

/// Type of [`ConversationNew`].
pub const NEW: &str = "conversation.new";
/// Type of [`ConversationUpdated`].
pub const UPDATED: &str = "conversation.updated";
/// Type of [`MemberAdded`].
pub const MEMBER_ADDED: &str = "conversation.member_added";
/// Type of [`MemberRemoved`].
pub const MEMBER_REMOVED: &str = "conversation.member_removed";
/// Type of [`MemberUpdated`].
pub const MEMBER_UPDATED: &str = "conversation.member_updated";

/// A conversation was made that involves this account. Topic: `user:{each member}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationNew {
    /// Its id.
    pub conversation_id: String,
    /// What kind it is; `type` on the wire.
    #[serde(rename = "type")]
    pub conversation_type: ConversationType,
    /// Its name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who made it.
    pub created_by: String,
}

/// A conversation's name or settings changed. Topic: `conv:{conversationId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationUpdated {
    /// Which.
    pub conversation_id: String,
    /// By whom.
    pub updated_by: String,
    /// What is new.
    #[serde(deserialize_with = "object")]
    pub changes: ConversationChanges,
}

/// What is new about a conversation; absent: as before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationChanges {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// What kind it is; `type` on the wire.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub conversation_type: Option<ConversationType>,
    /// The application's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Opaque>,
    /// Since when nobody may write, RFC 3339; `Some(None)` (null on the wire): enabled again.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Option<String>>,
}

/// Members came. Topic: `conv:{conversationId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberAdded {
    /// Where.
    pub conversation_id: String,
    /// By whom.
    pub added_by: String,
    /// Who.
    #[serde(deserialize_with = "objects")]
    pub members: Vec<Member>,
}

/// A member left or was removed. Topics: `conv:{conversationId}` and `user:{targetUserId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberRemoved {
    /// Where.
    pub conversation_id: String,
    /// By whom.
    pub removed_by: String,
    /// Who.
    pub target_user_id: String,
}

/// A member's role, session or settings changed. Topic: `conv:{conversationId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberUpdated {
    /// Where.
    pub conversation_id: String,
    /// Who.
    pub user_id: String,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
    /// What is new.
    #[serde(deserialize_with = "object")]
    pub changes: MemberChanges,
}

/// What is new about a member; absent: as before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberChanges {
    /// The member's role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<MemberRole>,
    /// Whether the member may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_send: Option<bool>,
    /// What the member is notified of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_level: Option<NotifyLevel>,
    /// The agent session that serves the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// A member of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub user_id: String,
    /// The member's role.
    pub role: MemberRole,
    /// Person or program.
    pub account_type: AccountType,
    /// Whether the member may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_send: Option<bool>,
    /// What the member is notified of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_level: Option<NotifyLevel>,
    /// The agent session that serves the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Since when, RFC 3339.
    pub joined_at: String,
    /// The account's handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The account's name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The account's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

open_names! {
    /// What a member may do.
    MemberRole {
        /// Everything.
        Admin = "admin",
        /// Take part.
        Member = "member",
    }
    /// Person or program.
    AccountType {
        /// A person.
        Human = "human",
        /// A program.
        Agent = "agent",
    }
    /// What a member is notified of.
    NotifyLevel {
        /// Every message.
        All = "all",
        /// Messages that address the member.
        Mentions = "mentions",
        /// No message.
        Nothing = "nothing",
    }
}

/// A member that is there, be it null.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}
