//! What happens between accounts that are, become or cease to be contacts: `contact.*`, published to `user:{account}`.

use serde::{Deserialize, Serialize};

use crate::typed::conversation::AccountType;
use crate::typed::object::object;

/// Type of [`RequestReceived`].
pub const REQUEST_RECEIVED: &str = "contact.request_received";
/// Type of [`RequestAccepted`].
pub const REQUEST_ACCEPTED: &str = "contact.request_accepted";
/// Type of [`RequestRejected`].
pub const REQUEST_REJECTED: &str = "contact.request_rejected";
/// Type of [`RequestRevoked`].
pub const REQUEST_REVOKED: &str = "contact.request_revoked";
/// Type of [`ContactRemoved`].
pub const REMOVED: &str = "contact.removed";
/// Type of [`RequestPendingApproval`].
pub const REQUEST_PENDING_APPROVAL: &str = "contact.request_pending_approval";
/// Type of [`FriendNameUpdated`].
pub const FRIEND_NAME_UPDATED: &str = "contact.friend_name_updated";

/// `contact.request_received`: an incoming request. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestReceived {
    /// The contact to be.
    #[serde(deserialize_with = "object")]
    pub contact: Contact,
}

/// `contact.request_accepted`: a request was accepted. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestAccepted {
    /// The new contact.
    #[serde(deserialize_with = "object")]
    pub contact: Contact,
}

/// `contact.request_rejected`: a request was turned down. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRejected {
    /// Whose contact it would have been.
    pub user_id: String,
    /// Who it would have been.
    pub contact_id: String,
}

/// `contact.request_revoked`: a request was taken back. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRevoked {
    /// Whose contact it would have been.
    pub user_id: String,
    /// Who it would have been.
    pub contact_id: String,
}

/// `contact.removed`: a contact is one no more. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactRemoved {
    /// Whose contact it was.
    pub user_id: String,
    /// Who it was.
    pub contact_id: String,
}

/// `contact.request_pending_approval`: an agent's owner is to decide. Topic: `user:{owner}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestPendingApproval {
    /// The agent that is asked.
    pub agent_id: String,
    /// Who asks.
    pub requester_id: String,
    /// The asker's name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester_name: Option<String>,
}

/// `contact.friend_name_updated`: this account calls a contact by another name. Topic: `user:{account}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FriendNameUpdated {
    /// Whose contact.
    pub user_id: String,
    /// Which.
    pub contact_id: String,
    /// The name from now on.
    pub friend_name: String,
}

/// A contact as one account has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Whose contact.
    pub user_id: String,
    /// Who.
    pub contact_id: String,
    /// Where it stands, the application's own word.
    pub status: String,
    /// Who asked.
    pub requester_id: String,
    /// Person or program.
    pub friend_account_type: AccountType,
    /// The contact's handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friend_username: Option<String>,
    /// The contact's name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friend_display_name: Option<String>,
    /// The contact's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friend_avatar_url: Option<String>,
    /// What this account calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friend_name: Option<String>,
    /// An agent's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// The owner's name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_display_name: Option<String>,
    /// What was said with the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Since when, RFC 3339.
    pub created_at: String,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
}
