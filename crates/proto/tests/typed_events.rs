//! Every type of `docs/events.md` is read into its struct and written back without loss.

#![cfg(feature = "json")]

use bowline_proto::typed::conversation::{MemberRole, NotifyLevel};
use bowline_proto::typed::message::{AttachmentType, OptionStyle};
use bowline_proto::typed::{Opaque, account, activity, contact, conversation, message};
use bowline_proto::{ActivityStatus, Event, PayloadError, TypedEvent};
use serde_json::{Value, json};

fn event(kind: &str, payload: &str) -> Event {
    Event {
        kind: kind.into(),
        timestamp: "2026-11-22T01:02:03.456Z".into(),
        topic: None,
        place: None,
        payload: payload.to_owned().into(),
        text: payload.to_owned().into(),
    }
}

fn decode(kind: &str, payload: &Value) -> Result<TypedEvent, PayloadError> {
    TypedEvent::decode(&event(kind, &payload.to_string()))
}

/// Each type with every member that it can have.
fn whole() -> Vec<(&'static str, Value)> {
    let content = json!({
        "text": "hello",
        "attachments": [
            {"type": "image", "s3Key": "k", "fileName": "a.png", "contentType": "image/png", "size": 12,
             "imageMetadata": {"width": 3, "height": 4, "blurhash": "LEHV6n"}},
            {"type": "file", "s3Key": "k2", "fileName": "b", "contentType": "text/plain", "size": 0},
        ],
        "mentions": {"userIds": ["u1", "u2"], "everyone": true, "here": false},
        "action": {"requestId": "r", "type": "approval", "title": "Go?", "description": "d", "expiresAt": "2026-12-01T00:00:00Z",
            "options": [{"optionId": "o1", "label": "Yes", "style": "primary"}, {"optionId": "o2", "label": "No", "style": "danger"},
                        {"optionId": "o3", "label": "Later", "style": "secondary"}, {"optionId": "o4", "label": "?"}],
            "metadata": {"any": [1, 2, {"thing": null}]}},
        "response": {"requestId": "r0", "selectedOptionId": "o9"},
    });
    let member = json!({"userId": "u1", "role": "admin", "accountType": "human", "canSend": true, "notifyLevel": "mentions",
        "sessionId": "s", "joinedAt": "t", "username": "n", "displayName": "N", "avatarUrl": "a"});
    let plain_member = json!({"userId": "u2", "role": "member", "accountType": "agent", "joinedAt": "t"});
    let contact = json!({"contact": {"userId": "u1", "contactId": "u2", "status": "accepted", "requesterId": "u1",
        "friendAccountType": "agent", "friendUsername": "f", "friendDisplayName": "F", "friendAvatarUrl": "a",
        "friendName": "Fi", "ownerId": "o", "ownerDisplayName": "O", "note": "hi", "createdAt": "t1", "updatedAt": "t2"}});
    let pair = json!({"userId": "u1", "contactId": "u2"});
    vec![
        (
            message::NEW,
            json!({"conversationId": "c", "messageId": "m", "senderId": "s", "senderDisplayName": "S",
            "senderAvatarUrl": "a", "conversationType": "temp_group", "conversationName": "n", "content": content,
            "sequenceNumber": 9_007_199_254_740_991_u64, "visibleTo": ["u1"], "createdAt": "t"}),
        ),
        (
            message::UPDATED,
            json!({"conversationId": "c", "messageId": "m", "senderId": "s", "content": {}, "updatedAt": "t"}),
        ),
        (
            message::DELETED,
            json!({"conversationId": "c", "messageId": "m", "senderId": "s", "deletedAt": "t"}),
        ),
        (conversation::NEW, json!({"conversationId": "c", "type": "dm", "name": "n", "createdBy": "u"})),
        (
            conversation::UPDATED,
            json!({"conversationId": "c", "updatedBy": "u", "changes": {"name": "n", "description": "d",
            "avatarUrl": "a", "type": "group", "settings": {"x": [1]}, "disabledAt": "t"}}),
        ),
        (
            conversation::MEMBER_ADDED,
            json!({"conversationId": "c", "addedBy": "u", "members": [member, plain_member]}),
        ),
        (
            conversation::MEMBER_REMOVED,
            json!({"conversationId": "c", "removedBy": "u", "targetUserId": "u2"}),
        ),
        (
            conversation::MEMBER_UPDATED,
            json!({"conversationId": "c", "userId": "u", "updatedBy": "u3",
            "changes": {"role": "member", "canSend": false, "notifyLevel": "nothing", "sessionId": "s"}}),
        ),
        (contact::REQUEST_RECEIVED, contact.clone()),
        (contact::REQUEST_ACCEPTED, contact),
        (contact::REQUEST_REJECTED, pair.clone()),
        (contact::REQUEST_REVOKED, pair.clone()),
        (contact::REMOVED, pair),
        (
            contact::REQUEST_PENDING_APPROVAL,
            json!({"agentId": "a", "requesterId": "r", "requesterName": "R"}),
        ),
        (contact::FRIEND_NAME_UPDATED, json!({"userId": "u", "contactId": "c", "friendName": "f"})),
        (account::BLOCK_CREATED, json!({"userId": "u", "blockedUserId": "b"})),
        (account::BLOCK_REMOVED, json!({"userId": "u", "unblockedUserId": "b"})),
        (
            account::PROFILE_UPDATED,
            json!({"userId": "u", "displayName": "D", "avatarUrl": "a", "username": "n", "bio": "b"}),
        ),
        (
            account::SETTINGS_UPDATED,
            json!({"agentId": "a", "settings": {"requireOwnerApprovalForFriendRequests": true,
            "dmAllowlist": "owner_and_owner_agents", "hideFromOwnerProfile": false}}),
        ),
        (activity::STATUS, json!({"conversationId": "c", "userId": "u", "status": "tool_calling"})),
    ]
}

/// `value` less the member at the JSON pointer `path`.
fn without(value: &Value, path: &str) -> Value {
    let mut value = value.clone();
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
    value.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(last);
    value
}

#[test]
fn all_twenty_types_survive_a_round_trip_with_every_member() {
    let whole = whole();
    assert_eq!(whole.len(), 20);
    for (kind, payload) in whole {
        let typed = decode(kind, &payload).unwrap();
        assert!(!matches!(typed, TypedEvent::Other { .. }), "{kind}");
        assert_eq!(typed.kind(), kind);
        let written: Value = serde_json::from_slice(&typed.payload()).unwrap();
        assert_eq!(written, payload, "{kind}");
    }
}

#[test]
fn every_member_that_is_missing_is_optional_or_named() {
    // What docs/events.md marks with `?`; everything else must be there.
    let optional = [
        "senderAvatarUrl",
        "conversationName",
        "visibleTo",
        "name",
        "requesterName",
        "displayName",
        "avatarUrl",
        "username",
        "bio",
    ];
    for (kind, payload) in whole() {
        for member in payload.as_object().unwrap().keys() {
            let lacking = without(&payload, &format!("/{member}"));
            let can_lack = optional.contains(&member.as_str())
                || (kind == conversation::MEMBER_UPDATED && member == "updatedBy");
            match decode(kind, &lacking) {
                Ok(typed) => {
                    assert!(can_lack, "{kind} needs {member}");
                    let written: Value = serde_json::from_slice(&typed.payload()).unwrap();
                    assert_eq!(written, lacking, "{kind} without {member}");
                }
                Err(error) => {
                    assert!(!can_lack, "{kind} can do without {member}");
                    let PayloadError::Missing { kind: named, member: path } = error else {
                        panic!("{error}")
                    };
                    assert_eq!((named, &*path), (kind, member.as_str()));
                }
            }
        }
    }
}

#[test]
fn a_member_that_does_not_fit_is_named_by_its_path() {
    let new = &whole()[0].1;
    let mut wrong = new.clone();
    wrong["content"]["attachments"][1]["size"] = json!("secret");
    let error = decode(message::NEW, &wrong).unwrap_err();
    assert_eq!(
        error,
        PayloadError::Unfit { kind: message::NEW, member: "content.attachments[1].size".into() }
    );
    assert!(!format!("{error} {error:?}").contains("secret"));

    let lacking = without(new, "/content/action/options/0/label");
    assert_eq!(
        decode(message::NEW, &lacking).unwrap_err(),
        PayloadError::Missing { kind: message::NEW, member: "content.action.options[0].label".into() }
    );
    for (payload, expected) in [
        ("[\"c\",\"u\",\"idle\"]", PayloadError::Unfit { kind: activity::STATUS, member: "payload".into() }),
        ("null", PayloadError::Unfit { kind: activity::STATUS, member: "payload".into() }),
        ("{", PayloadError::Unfit { kind: activity::STATUS, member: "payload".into() }),
        ("", PayloadError::Missing { kind: activity::STATUS, member: "payload".into() }),
        (
            r#"{"conversationId":"c","userId":"\ud800","status":"idle"}"#,
            PayloadError::Unfit { kind: activity::STATUS, member: "userId".into() },
        ),
        (
            r#"{"conversationId":"c","userId":"u","status":1}"#,
            PayloadError::Unfit { kind: activity::STATUS, member: "status".into() },
        ),
    ] {
        assert_eq!(TypedEvent::decode(&event(activity::STATUS, payload)), Err(expected), "{payload}");
    }
}

/// Every object inside the payloads of [`whole`], by its path.
fn objects_in(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(path.to_owned());
            members.iter().for_each(|(name, value)| objects_in(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, value)| objects_in(value, &format!("{path}/{at}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn no_object_in_a_payload_may_be_a_list_of_its_members_values() {
    let mut tried = 0;
    for (kind, payload) in whole() {
        let mut paths = Vec::new();
        objects_in(&payload, "", &mut paths);
        // What is the application's own may be anything.
        paths.retain(|path| {
            !path.contains("/metadata") && !path.contains("/settings/x") && path != "/changes/settings"
        });
        for path in paths {
            let mut listed = payload.clone();
            let object = listed.pointer_mut(&path).unwrap();
            *object = object.as_object().unwrap().values().cloned().collect();
            tried += 1;
            let Err(PayloadError::Unfit { member, .. }) = decode(kind, &listed) else {
                panic!("{kind}: a list is taken for {path}");
            };
            let parts: Vec<&str> = member.split(['.', '[', ']']).filter(|part| !part.is_empty()).collect();
            let expected = if path.is_empty() { "payload".into() } else { path[1..].replace('/', " ") };
            assert_eq!(parts.join(" "), expected, "{kind}");
        }
    }
    assert!(tried >= 38, "{tried}");
}

#[test]
fn members_of_a_later_version_are_ignored_and_names_are_kept() {
    let payload =
        json!({"conversationId": "c", "userId": "u", "status": "dreaming", "mood": {"deep": [1e308]}});
    let TypedEvent::Activity(event) = decode(activity::STATUS, &payload).unwrap() else { panic!() };
    assert_eq!(event.status, ActivityStatus::Other("dreaming".into()));

    let payload =
        json!({"conversationId": "c", "userId": "u", "changes": {"role": "owner", "notifyLevel": "all"}});
    let TypedEvent::MemberUpdated(event) = decode(conversation::MEMBER_UPDATED, &payload).unwrap() else {
        panic!()
    };
    assert_eq!(event.changes.role, Some(MemberRole::Other("owner".into())));
    assert_eq!(event.changes.notify_level, Some(NotifyLevel::All));
    let written: Value = serde_json::from_slice(&TypedEvent::MemberUpdated(event).payload()).unwrap();
    assert_eq!(written, payload);
}

#[test]
fn a_type_of_a_later_version_comes_as_it_is() {
    let raw = r#"{"a" : 1e999, "b":"\ud800"}"#;
    let typed = TypedEvent::decode(&event("message.pinned", raw)).unwrap();
    assert_eq!(typed.kind(), "message.pinned");
    assert_eq!(typed.payload(), raw);
    assert_eq!(typed, TypedEvent::Other { kind: "message.pinned".into(), payload: raw.into() });
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let raw = r#"{"conversationId":1,"userId":"a","conversationId":"c","status":"idle","userId":"b"}"#;
    let TypedEvent::Activity(event) = TypedEvent::decode(&event(activity::STATUS, raw)).unwrap() else {
        panic!()
    };
    assert_eq!((event.conversation_id.as_str(), event.user_id.as_str()), ("c", "b"));
}

#[test]
fn disabled_at_tells_null_from_absent() {
    for (changes, expected) in [
        (json!({}), None),
        (json!({"disabledAt": null}), Some(None)),
        (json!({"disabledAt": "t"}), Some(Some("t".to_owned()))),
    ] {
        let payload = json!({"conversationId": "c", "updatedBy": "u", "changes": changes});
        let typed = decode(conversation::UPDATED, &payload).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&typed.payload()).unwrap(), payload);
        let TypedEvent::ConversationUpdated(event) = typed else { panic!() };
        assert_eq!(event.changes.disabled_at, expected);
    }
}

#[test]
fn a_null_reads_as_absent_where_a_member_is_optional() {
    let payload = json!({"userId": "u", "displayName": null, "bio": null});
    let TypedEvent::ProfileUpdated(event) = decode(account::PROFILE_UPDATED, &payload).unwrap() else {
        panic!()
    };
    assert_eq!((event.display_name, event.bio), (None, None));
}

#[test]
fn what_is_the_applications_own_is_kept_to_the_letter() {
    let raw = r#"{"conversationId":"c","updatedBy":"u","changes":{"settings": {"big":12345678901234567890123, "b":1.0}}}"#;
    let TypedEvent::ConversationUpdated(event) =
        TypedEvent::decode(&event(conversation::UPDATED, raw)).unwrap()
    else {
        panic!()
    };
    assert_eq!(event.changes.settings, Opaque::new(r#"{"big":12345678901234567890123, "b":1.0}"#));
    assert_eq!(Opaque::new("{"), None);
}

#[test]
fn flat_fields_are_read_as_they_are_named() {
    let TypedEvent::MessageNew(event) = decode(message::NEW, &whole()[0].1).unwrap() else { panic!() };
    assert_eq!(event.conversation_id, "c");
    assert_eq!(event.content.text.as_deref(), Some("hello"));
    let attachments = event.content.attachments.unwrap();
    assert_eq!(attachments[0].kind, AttachmentType::Image);
    assert_eq!(event.content.action.unwrap().options[1].style, Some(OptionStyle::Danger));
}

#[test]
fn a_typed_event_moves_cheaply() {
    assert!(size_of::<TypedEvent>() <= 400, "{}", size_of::<TypedEvent>());
    assert!(size_of::<Event>() <= 160, "{}", size_of::<Event>());
}

#[test]
fn a_count_is_a_whole_number_however_it_is_spelled() {
    let sample = |number: &str| {
        let text = whole()[0].1.to_string().replace("9007199254740991", number);
        TypedEvent::decode(&event(message::NEW, &text))
    };
    for (number, expected) in [("5", 5), ("5.0", 5), ("12e2", 1200), ("0", 0), ("-0.0", 0)] {
        let Ok(TypedEvent::MessageNew(event)) = sample(number) else { panic!("{number}") };
        assert_eq!(event.sequence_number, expected);
    }
    for number in ["-1", "0.5", "1e300", "\"5\"", "null", "true"] {
        let unfit = PayloadError::Unfit { kind: message::NEW, member: "sequenceNumber".into() };
        assert_eq!(sample(number), Err(unfit), "{number}");
    }
}
