//! What happens to messages: `message.*`, published to `conv:{conversationId}`.

use serde::{Deserialize, Serialize};

use crate::typed::object::{object, objects, optional_object, optional_objects};
use crate::typed::opaque::Opaque;
use crate::typed::open::open_names;
use crate::typed::whole::whole;

/// Type of [`MessageNew`].
pub const NEW: &str = "message.new";
/// Type of [`MessageUpdated`].
pub const UPDATED: &str = "message.updated";
/// Type of [`MessageDeleted`].
pub const DELETED: &str = "message.deleted";

/// A message was sent. Topic: `conv:{conversationId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageNew {
    /// Where it was sent.
    pub conversation_id: String,
    /// Its id.
    pub message_id: String,
    /// Who sent it.
    pub sender_id: String,
    /// The sender's name, for people.
    pub sender_display_name: String,
    /// The sender's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_avatar_url: Option<String>,
    /// What kind of conversation it is.
    pub conversation_type: ConversationType,
    /// The conversation's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_name: Option<String>,
    /// What it says.
    #[serde(deserialize_with = "object")]
    pub content: Content,
    /// Its number within the conversation. Not the event's seq.
    #[serde(deserialize_with = "whole")]
    pub sequence_number: u64,
    /// The only accounts that may see it; absent: every member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visible_to: Option<Vec<String>>,
    /// When it was sent, RFC 3339.
    pub created_at: String,
}

/// A message was edited. Topic: `conv:{conversationId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageUpdated {
    /// Where it stands.
    pub conversation_id: String,
    /// Its id.
    pub message_id: String,
    /// Who sent it.
    pub sender_id: String,
    /// What it says now.
    #[serde(deserialize_with = "object")]
    pub content: Content,
    /// When it was edited, RFC 3339.
    pub updated_at: String,
}

/// A message was deleted. Topic: `conv:{conversationId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDeleted {
    /// Where it stood.
    pub conversation_id: String,
    /// Its id.
    pub message_id: String,
    /// Who had sent it.
    pub sender_id: String,
    /// When it was deleted, RFC 3339.
    pub deleted_at: String,
}

open_names! {
    /// What kind of conversation it is.
    ConversationType {
        /// Two accounts.
        Dm = "dm",
        /// A group that ends by itself.
        TempGroup = "temp_group",
        /// A group.
        Group = "group",
    }
    /// What an attachment is.
    AttachmentType {
        /// A picture.
        Image = "image",
        /// Anything else.
        File = "file",
    }
    /// How an option is shown.
    OptionStyle {
        /// The one to take.
        Primary = "primary",
        /// The one to think about.
        Danger = "danger",
        /// One of the others.
        Secondary = "secondary",
    }
}

/// What a message says: every part is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Files.
    #[serde(default, deserialize_with = "optional_objects", skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Attachment>>,
    /// Who is addressed.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    /// A question with options to choose from.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub action: Option<Box<Action>>,
    /// The answer to such a question.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub response: Option<Box<Response>>,
}

/// A file that goes with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// What it is; `type` on the wire.
    #[serde(rename = "type")]
    pub kind: AttachmentType,
    /// Where it is stored.
    pub s3_key: String,
    /// Its name.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Its length in bytes.
    #[serde(deserialize_with = "whole")]
    pub size: u64,
    /// What is known of a picture.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub image_metadata: Option<ImageMetadata>,
}

/// What is known of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageMetadata {
    /// Pixels.
    #[serde(deserialize_with = "whole")]
    pub width: u64,
    /// Pixels.
    #[serde(deserialize_with = "whole")]
    pub height: u64,
    /// A blurred preview, BlurHash text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blurhash: Option<String>,
}

/// Whom a message addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mentions {
    /// These accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<Vec<String>>,
    /// Every member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub everyone: Option<bool>,
    /// Every member who is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub here: Option<bool>,
}

/// A question with options to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// What the answer will name.
    pub request_id: String,
    /// The kind of question, the application's own word; `type` on the wire.
    #[serde(rename = "type")]
    pub kind: String,
    /// The question.
    pub title: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What can be chosen.
    #[serde(deserialize_with = "objects")]
    pub options: Vec<ActionOption>,
    /// Until when, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The application's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Opaque>,
}

/// One option of an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionOption {
    /// Its id.
    pub option_id: String,
    /// What people read.
    pub label: String,
    /// How it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<OptionStyle>,
}

/// The answer to an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Which question.
    pub request_id: String,
    /// Which option.
    pub selected_option_id: String,
}
