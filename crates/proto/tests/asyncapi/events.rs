//! One value of each typed event with every member that its type has: a member that is added to a type must be added here.

use bowline_proto::typed::conversation::{AccountType, MemberRole, NotifyLevel};
use bowline_proto::typed::message::{AttachmentType, ConversationType, OptionStyle};
use bowline_proto::typed::{Opaque, account, activity, contact, conversation, message};
use bowline_proto::{ActivityStatus, TypedEvent};

const TIME: &str = "2026-11-22T01:02:03.456Z";

fn text(text: &str) -> String {
    text.to_owned()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn content() -> message::Content {
    message::Content {
        text: some("hello"),
        attachments: Some(vec![message::Attachment {
            kind: AttachmentType::Image,
            s3_key: text("k"),
            file_name: text("a.png"),
            content_type: text("image/png"),
            size: 12,
            image_metadata: Some(message::ImageMetadata { width: 3, height: 4, blurhash: some("LEHV6n") }),
        }]),
        mentions: Some(message::Mentions {
            user_ids: Some(vec![text("u1")]),
            everyone: Some(true),
            here: Some(false),
        }),
        action: Some(Box::new(message::Action {
            request_id: text("r"),
            kind: text("approval"),
            title: text("Go?"),
            description: some("d"),
            options: vec![message::ActionOption {
                option_id: text("o"),
                label: text("Yes"),
                style: Some(OptionStyle::Primary),
            }],
            expires_at: some(TIME),
            metadata: Opaque::new(r#"{"any":[1,{"thing":null}]}"#),
        })),
        response: Some(Box::new(message::Response {
            request_id: text("r0"),
            selected_option_id: text("o9"),
        })),
    }
}

fn contact() -> contact::Contact {
    contact::Contact {
        user_id: text("u1"),
        contact_id: text("u2"),
        status: text("accepted"),
        requester_id: text("u1"),
        friend_account_type: AccountType::Agent,
        friend_username: some("f"),
        friend_display_name: some("F"),
        friend_avatar_url: some("a"),
        friend_name: some("Fi"),
        owner_id: some("o"),
        owner_display_name: some("O"),
        note: some("hi"),
        created_at: text(TIME),
        updated_at: text(TIME),
    }
}

/// All twenty.
pub(crate) fn whole() -> Vec<TypedEvent> {
    vec![
        TypedEvent::MessageNew(message::MessageNew {
            conversation_id: text("c"),
            message_id: text("m"),
            sender_id: text("s"),
            sender_display_name: text("S"),
            sender_avatar_url: some("a"),
            conversation_type: ConversationType::TempGroup,
            conversation_name: some("n"),
            content: content(),
            sequence_number: 7,
            visible_to: Some(vec![text("u1")]),
            created_at: text(TIME),
        }),
        TypedEvent::MessageUpdated(message::MessageUpdated {
            conversation_id: text("c"),
            message_id: text("m"),
            sender_id: text("s"),
            content: content(),
            updated_at: text(TIME),
        }),
        TypedEvent::MessageDeleted(message::MessageDeleted {
            conversation_id: text("c"),
            message_id: text("m"),
            sender_id: text("s"),
            deleted_at: text(TIME),
        }),
        TypedEvent::ConversationNew(conversation::ConversationNew {
            conversation_id: text("c"),
            conversation_type: ConversationType::Dm,
            name: some("n"),
            created_by: text("u"),
        }),
        TypedEvent::ConversationUpdated(conversation::ConversationUpdated {
            conversation_id: text("c"),
            updated_by: text("u"),
            changes: conversation::ConversationChanges {
                name: some("n"),
                description: some("d"),
                avatar_url: some("a"),
                conversation_type: Some(ConversationType::Group),
                settings: Opaque::new(r#"{"x":[1]}"#),
                disabled_at: Some(some(TIME)),
            },
        }),
        TypedEvent::MemberAdded(conversation::MemberAdded {
            conversation_id: text("c"),
            added_by: text("u"),
            members: vec![conversation::Member {
                user_id: text("u1"),
                role: MemberRole::Admin,
                account_type: AccountType::Human,
                can_send: Some(true),
                notify_level: Some(NotifyLevel::Mentions),
                session_id: some("s"),
                joined_at: text(TIME),
                username: some("n"),
                display_name: some("N"),
                avatar_url: some("a"),
            }],
        }),
        TypedEvent::MemberRemoved(conversation::MemberRemoved {
            conversation_id: text("c"),
            removed_by: text("u"),
            target_user_id: text("u2"),
        }),
        TypedEvent::MemberUpdated(conversation::MemberUpdated {
            conversation_id: text("c"),
            user_id: text("u"),
            updated_by: some("u3"),
            changes: conversation::MemberChanges {
                role: Some(MemberRole::Member),
                can_send: Some(false),
                notify_level: Some(NotifyLevel::Nothing),
                session_id: some("s"),
            },
        }),
        TypedEvent::ContactRequestReceived(contact::RequestReceived { contact: contact() }),
        TypedEvent::ContactRequestAccepted(contact::RequestAccepted { contact: contact() }),
        TypedEvent::ContactRequestRejected(contact::RequestRejected {
            user_id: text("u"),
            contact_id: text("c"),
        }),
        TypedEvent::ContactRequestRevoked(contact::RequestRevoked {
            user_id: text("u"),
            contact_id: text("c"),
        }),
        TypedEvent::ContactRemoved(contact::ContactRemoved { user_id: text("u"), contact_id: text("c") }),
        TypedEvent::ContactRequestPendingApproval(contact::RequestPendingApproval {
            agent_id: text("a"),
            requester_id: text("r"),
            requester_name: some("R"),
        }),
        TypedEvent::ContactFriendNameUpdated(contact::FriendNameUpdated {
            user_id: text("u"),
            contact_id: text("c"),
            friend_name: text("f"),
        }),
        TypedEvent::BlockCreated(account::BlockCreated { user_id: text("u"), blocked_user_id: text("b") }),
        TypedEvent::BlockRemoved(account::BlockRemoved { user_id: text("u"), unblocked_user_id: text("b") }),
        TypedEvent::ProfileUpdated(account::ProfileUpdated {
            user_id: text("u"),
            display_name: some("D"),
            avatar_url: some("a"),
            username: some("n"),
            bio: some("b"),
        }),
        TypedEvent::SettingsUpdated(account::SettingsUpdated {
            agent_id: text("a"),
            settings: account::AgentSettings {
                require_owner_approval_for_friend_requests: Some(true),
                dm_allowlist: Some(account::DmAllowlist::OwnerOnly),
                hide_from_owner_profile: Some(false),
            },
        }),
        TypedEvent::Activity(activity::ActivityChanged {
            conversation_id: text("c"),
            user_id: text("u"),
            status: ActivityStatus::Thinking,
        }),
    ]
}
