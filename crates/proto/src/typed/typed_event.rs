//! How an event's type decides the shape of its payload, and how that shape is written back.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::Event;
use crate::event_kind::EventKind;
use crate::typed::error::PayloadError;
use crate::typed::{account, activity, contact, conversation, message};

/// An event by its type. The envelope (timestamp, topic, place) stays with the [`Event`].
///
/// ```
/// use bowline_proto::{Limits, ServerFrame, TypedEvent, decode_server_frame};
/// use bytes::Bytes;
///
/// let text = Bytes::from_static(br#"{"type":"block.created","payload":{"userId":"u1","blockedUserId":"u2"}}"#);
/// let Ok(ServerFrame::Event { body, .. }) = decode_server_frame(&text, &Limits::default()) else { panic!() };
/// match TypedEvent::decode(&body)? {
///     TypedEvent::BlockCreated(event) => assert_eq!(event.blocked_user_id, "u2"),
///     other => panic!("{}", other.kind()),
/// }
/// # Ok::<(), bowline_proto::PayloadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedEvent {
    /// `message.new`
    MessageNew(message::MessageNew),
    /// `message.updated`
    MessageUpdated(message::MessageUpdated),
    /// `message.deleted`
    MessageDeleted(message::MessageDeleted),
    /// `conversation.new`
    ConversationNew(conversation::ConversationNew),
    /// `conversation.updated`
    ConversationUpdated(conversation::ConversationUpdated),
    /// `conversation.member_added`
    MemberAdded(conversation::MemberAdded),
    /// `conversation.member_removed`
    MemberRemoved(conversation::MemberRemoved),
    /// `conversation.member_updated`
    MemberUpdated(conversation::MemberUpdated),
    /// `contact.request_received`
    ContactRequestReceived(contact::RequestReceived),
    /// `contact.request_accepted`
    ContactRequestAccepted(contact::RequestAccepted),
    /// `contact.request_rejected`
    ContactRequestRejected(contact::RequestRejected),
    /// `contact.request_revoked`
    ContactRequestRevoked(contact::RequestRevoked),
    /// `contact.removed`
    ContactRemoved(contact::ContactRemoved),
    /// `contact.request_pending_approval`
    ContactRequestPendingApproval(contact::RequestPendingApproval),
    /// `contact.friend_name_updated`
    ContactFriendNameUpdated(contact::FriendNameUpdated),
    /// `block.created`
    BlockCreated(account::BlockCreated),
    /// `block.removed`
    BlockRemoved(account::BlockRemoved),
    /// `user.profile_updated`
    ProfileUpdated(account::ProfileUpdated),
    /// `agent.settings_updated`
    SettingsUpdated(account::SettingsUpdated),
    /// `activity.status`
    Activity(activity::ActivityChanged),
    /// A type that this version does not know.
    Other {
        /// The type.
        kind: EventKind,
        /// The payload's JSON text as it came.
        payload: Bytes,
    },
}

impl TypedEvent {
    /// Reads the payload as its type says.
    ///
    /// # Errors
    /// [`PayloadError`] names the member that does not fit; `event` is whole as before.
    pub fn decode(event: &Event) -> Result<TypedEvent, PayloadError> {
        let payload = &event.payload;
        Ok(match &*event.kind {
            message::NEW => TypedEvent::MessageNew(read(message::NEW, payload)?),
            message::UPDATED => TypedEvent::MessageUpdated(read(message::UPDATED, payload)?),
            message::DELETED => TypedEvent::MessageDeleted(read(message::DELETED, payload)?),
            conversation::NEW => TypedEvent::ConversationNew(read(conversation::NEW, payload)?),
            conversation::UPDATED => TypedEvent::ConversationUpdated(read(conversation::UPDATED, payload)?),
            conversation::MEMBER_ADDED => TypedEvent::MemberAdded(read(conversation::MEMBER_ADDED, payload)?),
            conversation::MEMBER_REMOVED => {
                TypedEvent::MemberRemoved(read(conversation::MEMBER_REMOVED, payload)?)
            }
            conversation::MEMBER_UPDATED => {
                TypedEvent::MemberUpdated(read(conversation::MEMBER_UPDATED, payload)?)
            }
            contact::REQUEST_RECEIVED => {
                TypedEvent::ContactRequestReceived(read(contact::REQUEST_RECEIVED, payload)?)
            }
            contact::REQUEST_ACCEPTED => {
                TypedEvent::ContactRequestAccepted(read(contact::REQUEST_ACCEPTED, payload)?)
            }
            contact::REQUEST_REJECTED => {
                TypedEvent::ContactRequestRejected(read(contact::REQUEST_REJECTED, payload)?)
            }
            contact::REQUEST_REVOKED => {
                TypedEvent::ContactRequestRevoked(read(contact::REQUEST_REVOKED, payload)?)
            }
            contact::REMOVED => TypedEvent::ContactRemoved(read(contact::REMOVED, payload)?),
            contact::REQUEST_PENDING_APPROVAL => {
                TypedEvent::ContactRequestPendingApproval(read(contact::REQUEST_PENDING_APPROVAL, payload)?)
            }
            contact::FRIEND_NAME_UPDATED => {
                TypedEvent::ContactFriendNameUpdated(read(contact::FRIEND_NAME_UPDATED, payload)?)
            }
            account::BLOCK_CREATED => TypedEvent::BlockCreated(read(account::BLOCK_CREATED, payload)?),
            account::BLOCK_REMOVED => TypedEvent::BlockRemoved(read(account::BLOCK_REMOVED, payload)?),
            account::PROFILE_UPDATED => TypedEvent::ProfileUpdated(read(account::PROFILE_UPDATED, payload)?),
            account::SETTINGS_UPDATED => {
                TypedEvent::SettingsUpdated(read(account::SETTINGS_UPDATED, payload)?)
            }
            activity::STATUS => TypedEvent::Activity(read(activity::STATUS, payload)?),
            _ => TypedEvent::Other { kind: event.kind.clone(), payload: payload.clone() },
        })
    }

    /// The event's type.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            TypedEvent::MessageNew(_) => message::NEW,
            TypedEvent::MessageUpdated(_) => message::UPDATED,
            TypedEvent::MessageDeleted(_) => message::DELETED,
            TypedEvent::ConversationNew(_) => conversation::NEW,
            TypedEvent::ConversationUpdated(_) => conversation::UPDATED,
            TypedEvent::MemberAdded(_) => conversation::MEMBER_ADDED,
            TypedEvent::MemberRemoved(_) => conversation::MEMBER_REMOVED,
            TypedEvent::MemberUpdated(_) => conversation::MEMBER_UPDATED,
            TypedEvent::ContactRequestReceived(_) => contact::REQUEST_RECEIVED,
            TypedEvent::ContactRequestAccepted(_) => contact::REQUEST_ACCEPTED,
            TypedEvent::ContactRequestRejected(_) => contact::REQUEST_REJECTED,
            TypedEvent::ContactRequestRevoked(_) => contact::REQUEST_REVOKED,
            TypedEvent::ContactRemoved(_) => contact::REMOVED,
            TypedEvent::ContactRequestPendingApproval(_) => contact::REQUEST_PENDING_APPROVAL,
            TypedEvent::ContactFriendNameUpdated(_) => contact::FRIEND_NAME_UPDATED,
            TypedEvent::BlockCreated(_) => account::BLOCK_CREATED,
            TypedEvent::BlockRemoved(_) => account::BLOCK_REMOVED,
            TypedEvent::ProfileUpdated(_) => account::PROFILE_UPDATED,
            TypedEvent::SettingsUpdated(_) => account::SETTINGS_UPDATED,
            TypedEvent::Activity(_) => activity::STATUS,
            TypedEvent::Other { kind, .. } => kind,
        }
    }

    /// The payload's JSON text, to be published.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        match self {
            TypedEvent::MessageNew(event) => write(event),
            TypedEvent::MessageUpdated(event) => write(event),
            TypedEvent::MessageDeleted(event) => write(event),
            TypedEvent::ConversationNew(event) => write(event),
            TypedEvent::ConversationUpdated(event) => write(event),
            TypedEvent::MemberAdded(event) => write(event),
            TypedEvent::MemberRemoved(event) => write(event),
            TypedEvent::MemberUpdated(event) => write(event),
            TypedEvent::ContactRequestReceived(event) => write(event),
            TypedEvent::ContactRequestAccepted(event) => write(event),
            TypedEvent::ContactRequestRejected(event) => write(event),
            TypedEvent::ContactRequestRevoked(event) => write(event),
            TypedEvent::ContactRemoved(event) => write(event),
            TypedEvent::ContactRequestPendingApproval(event) => write(event),
            TypedEvent::ContactFriendNameUpdated(event) => write(event),
            TypedEvent::BlockCreated(event) => write(event),
            TypedEvent::BlockRemoved(event) => write(event),
            TypedEvent::ProfileUpdated(event) => write(event),
            TypedEvent::SettingsUpdated(event) => write(event),
            TypedEvent::Activity(event) => write(event),
            TypedEvent::Other { payload, .. } => payload.clone(),
        }
    }
}

pub(super) fn read<T: DeserializeOwned>(kind: &'static str, payload: &[u8]) -> Result<T, PayloadError> {
    match payload.trim_ascii_start().first() {
        None => return Err(PayloadError::Missing { kind, member: "payload".into() }),
        Some(b'{') => {}
        // serde would take a list for the struct's members in order.
        Some(_) => return Err(PayloadError::Unfit { kind, member: "payload".into() }),
    }
    serde_json::from_slice(payload).or_else(|_| read_slowly(kind, payload))
}

/// A second look at a payload that did not fit: where members are doubled the last one counts, as in frames; otherwise the
/// error says which member it is.
fn read_slowly<T: DeserializeOwned>(kind: &'static str, payload: &[u8]) -> Result<T, PayloadError> {
    match serde_json::from_slice::<serde_json::Value>(payload) {
        Ok(value) => serde_path_to_error::deserialize(value),
        Err(_) => serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(payload)),
    }
    .map_err(|error| PayloadError::from_serde(kind, &error))
}

fn write(event: &impl Serialize) -> Bytes {
    serde_json::to_vec(event).expect("a struct of texts, numbers and lists is always JSON").into()
}
