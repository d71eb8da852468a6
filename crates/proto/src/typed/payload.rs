//! Which type of event a struct is the payload of.

use serde::de::DeserializeOwned;

use crate::event::Event;
use crate::typed::error::PayloadError;
use crate::typed::typed_event::read;
use crate::typed::{account, activity, contact, conversation, message};

/// A struct that is the payload of one type of event. Implemented for the twenty of `docs/events.md`; implement it for
/// your own types to have them decoded alike:
///
/// ```
/// use bowline_proto::typed::EventPayload;
///
/// #[derive(serde::Deserialize)]
/// struct Greeting { text: String }
///
/// impl EventPayload for Greeting {
///     const KIND: &'static str = "greeting";
/// }
/// ```
pub trait EventPayload: DeserializeOwned {
    /// The type on the wire, such as `message.new`.
    const KIND: &'static str;

    /// Reads `event`'s payload, whatever its type says.
    ///
    /// # Errors
    /// [`PayloadError`] names the member that does not fit; `event` is whole as before.
    fn decode(event: &Event) -> Result<Self, PayloadError> {
        read(Self::KIND, &event.payload)
    }
}

macro_rules! payloads {
    ($($payload:ty = $kind:expr,)*) => {
        $(impl EventPayload for $payload {
            const KIND: &'static str = $kind;
        })*

        /// The types that have a struct of their own.
        pub const KNOWN_KINDS: &[&str] = &[$($kind),*];
    };
}

payloads! {
    message::MessageNew = message::NEW,
    message::MessageUpdated = message::UPDATED,
    message::MessageDeleted = message::DELETED,
    conversation::ConversationNew = conversation::NEW,
    conversation::ConversationUpdated = conversation::UPDATED,
    conversation::MemberAdded = conversation::MEMBER_ADDED,
    conversation::MemberRemoved = conversation::MEMBER_REMOVED,
    conversation::MemberUpdated = conversation::MEMBER_UPDATED,
    contact::RequestReceived = contact::REQUEST_RECEIVED,
    contact::RequestAccepted = contact::REQUEST_ACCEPTED,
    contact::RequestRejected = contact::REQUEST_REJECTED,
    contact::RequestRevoked = contact::REQUEST_REVOKED,
    contact::ContactRemoved = contact::REMOVED,
    contact::RequestPendingApproval = contact::REQUEST_PENDING_APPROVAL,
    contact::FriendNameUpdated = contact::FRIEND_NAME_UPDATED,
    account::BlockCreated = account::BLOCK_CREATED,
    account::BlockRemoved = account::BLOCK_REMOVED,
    account::ProfileUpdated = account::PROFILE_UPDATED,
    account::SettingsUpdated = account::SETTINGS_UPDATED,
    activity::ActivityChanged = activity::STATUS,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_types_have_a_struct_and_no_two_share_one() {
        let mut kinds = KNOWN_KINDS.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 20);
    }
}
