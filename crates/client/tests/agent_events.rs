//! Typed events: all twenty, other ones, and what a handler may do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent_support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use agent_support::{Notes, Peer, agent, no_tasks, settle};
use bowline::event::{self, EventPayload, KNOWN_KINDS, MessageNew, TypedEvent};
use bowline::{ActivityStatus, AgentError, AgentSocket, Subscription, Typed};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};

async fn connected() -> (AgentSocket, Peer, agent_support::Server) {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let (connected, peer) = tokio::join!(socket.connect(), async {
        let mut peer = server.opened().await;
        peer.accept(10);
        peer
    });
    connected.unwrap();
    (socket, peer, server)
}

/// Handlers that note what they read of their event; keep the guard.
fn notes<P: EventPayload + 'static>(
    socket: &AgentSocket,
    heard: &Notes,
    read: impl Fn(&Typed<P>) -> String + Send + 'static,
) {
    let heard = heard.clone();
    socket.on::<P>(move |event| heard.add(format!("{} {}", event.kind, read(event)))).detach();
}

fn message(text: &str) -> Value {
    json!({
        "conversationId": "c1", "messageId": "m1", "senderId": "u1", "senderDisplayName": "Una",
        "conversationType": "dm", "content": {"text": text}, "sequenceNumber": 7, "createdAt": "t",
    })
}

fn contact() -> Value {
    json!({"userId": "u1", "contactId": "u2", "status": "pending", "requesterId": "u2",
        "friendAccountType": "human", "createdAt": "t", "updatedAt": "t"})
}

/// One payload of each type, and what its handler below reads of it.
fn twenty() -> Vec<(&'static str, Value, &'static str)> {
    let ids = json!({"userId": "u1", "contactId": "u2", "friendName": "Bo"});
    vec![
        ("message.new", message("hi"), "[c1] u1: hi"),
        (
            "message.updated",
            json!({"conversationId": "c1", "messageId": "m1", "senderId": "u1", "content": {}, "updatedAt": "t"}),
            "m1",
        ),
        (
            "message.deleted",
            json!({"conversationId": "c1", "messageId": "m1", "senderId": "u1", "deletedAt": "t"}),
            "m1",
        ),
        ("conversation.new", json!({"conversationId": "c1", "type": "group", "createdBy": "u1"}), "c1 by u1"),
        (
            "conversation.updated",
            json!({"conversationId": "c1", "updatedBy": "u1", "changes": {"name": "N"}}),
            "c1 N",
        ),
        (
            "conversation.member_added",
            json!({"conversationId": "c1", "addedBy": "u1", "members":
                [{"userId": "u3", "role": "member", "accountType": "agent", "joinedAt": "t"}]}),
            "u3",
        ),
        (
            "conversation.member_removed",
            json!({"conversationId": "c1", "removedBy": "u1", "targetUserId": "u3"}),
            "u3",
        ),
        (
            "conversation.member_updated",
            json!({"conversationId": "c1", "userId": "u3", "changes": {"role": "admin"}}),
            "u3 admin",
        ),
        ("contact.request_received", json!({"contact": contact()}), "u2"),
        ("contact.request_accepted", json!({"contact": contact()}), "u2"),
        ("contact.request_rejected", ids.clone(), "u1 u2"),
        ("contact.request_revoked", ids.clone(), "u1 u2"),
        ("contact.removed", ids.clone(), "u1 u2"),
        ("contact.request_pending_approval", json!({"agentId": "a", "requesterId": "u2"}), "a u2"),
        ("contact.friend_name_updated", ids, "Bo"),
        ("block.created", json!({"userId": "u1", "blockedUserId": "u2"}), "u2"),
        ("block.removed", json!({"userId": "u1", "unblockedUserId": "u2"}), "u2"),
        ("user.profile_updated", json!({"userId": "u2", "displayName": "Zoe"}), "u2 Zoe"),
        (
            "agent.settings_updated",
            json!({"agentId": "a", "settings": {"hideFromOwnerProfile": true}}),
            "a true",
        ),
        ("activity.status", json!({"conversationId": "c1", "userId": "u2", "status": "typing"}), "u2 typing"),
    ]
}

fn listen_to_all_twenty(socket: &AgentSocket, heard: &Notes) {
    use event::*;
    notes::<MessageNew>(socket, heard, |e| {
        format!("[{}] {}: {}", e.conversation_id, e.sender_id, e.content.text.as_deref().unwrap())
    });
    notes::<MessageUpdated>(socket, heard, |e| e.message_id.clone());
    notes::<MessageDeleted>(socket, heard, |e| e.message_id.clone());
    notes::<ConversationNew>(socket, heard, |e| format!("{} by {}", e.conversation_id, e.created_by));
    notes::<ConversationUpdated>(socket, heard, |e| {
        format!("{} {}", e.conversation_id, e.changes.name.as_deref().unwrap())
    });
    notes::<MemberAdded>(socket, heard, |e| e.members[0].user_id.clone());
    notes::<MemberRemoved>(socket, heard, |e| e.target_user_id.clone());
    notes::<MemberUpdated>(socket, heard, |e| {
        format!("{} {}", e.user_id, e.changes.role.as_ref().unwrap().as_str())
    });
    notes::<RequestReceived>(socket, heard, |e| e.contact.requester_id.clone());
    notes::<RequestAccepted>(socket, heard, |e| e.contact.contact_id.clone());
    notes::<RequestRejected>(socket, heard, |e| format!("{} {}", e.user_id, e.contact_id));
    notes::<RequestRevoked>(socket, heard, |e| format!("{} {}", e.user_id, e.contact_id));
    notes::<ContactRemoved>(socket, heard, |e| format!("{} {}", e.user_id, e.contact_id));
    notes::<RequestPendingApproval>(socket, heard, |e| format!("{} {}", e.agent_id, e.requester_id));
    notes::<FriendNameUpdated>(socket, heard, |e| e.friend_name.clone());
    notes::<BlockCreated>(socket, heard, |e| e.blocked_user_id.clone());
    notes::<BlockRemoved>(socket, heard, |e| e.unblocked_user_id.clone());
    notes::<ProfileUpdated>(socket, heard, |e| {
        format!("{} {}", e.user_id, e.display_name.as_deref().unwrap())
    });
    notes::<SettingsUpdated>(socket, heard, |e| {
        format!("{} {}", e.agent_id, e.settings.hide_from_owner_profile.unwrap())
    });
    notes::<ActivityChanged>(socket, heard, |e| format!("{} {}", e.user_id, e.status.as_str()));
}

fn say(peer: &Peer, kind: &str, payload: &Value) {
    peer.say(&json!({"type": kind, "timestamp": "2026-11-22T01:02:03.456Z", "payload": payload}));
}

#[tokio::test(start_paused = true)]
async fn each_of_the_twenty_types_reaches_the_handler_of_its_struct_with_flat_fields() {
    let (socket, peer, _server) = connected().await;
    let heard = Notes::default();
    listen_to_all_twenty(&socket, &heard);
    for (kind, payload, expected) in twenty() {
        say(&peer, kind, &payload);
        settle().await;
        assert_eq!(heard.take(), [format!("{kind} {expected}")]);
    }
    let mut kinds: Vec<_> = twenty().iter().map(|(kind, ..)| *kind).collect();
    kinds.sort_unstable();
    let mut known = KNOWN_KINDS.to_vec();
    known.sort_unstable();
    assert_eq!(kinds, known);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn the_envelope_stands_beside_the_fields() {
    let (socket, peer, _server) = connected().await;
    let heard = Arc::new(Mutex::new(None));
    let inside = heard.clone();
    socket.on::<MessageNew>(move |event| *inside.lock().unwrap() = Some(event.clone())).detach();
    peer.say(&json!({"type": "message.new", "timestamp": "2026-11-22T01:02:03.456Z", "topic": "conv:c1",
        "seq": 11, "prev": 3, "payload": message("secret words")}));
    settle().await;
    let event: Typed<MessageNew> = heard.lock().unwrap().take().unwrap();
    assert_eq!((&*event.kind, &*event.timestamp), ("message.new", "2026-11-22T01:02:03.456Z"));
    assert_eq!(event.topic.as_ref().unwrap().as_str(), "conv:c1");
    assert_eq!(event.seq.unwrap().get(), 11);
    assert_eq!((event.sequence_number, &*event.payload.message_id), (7, "m1"));
    assert!(!format!("{event:?}").contains("secret"), "Debug shows no payload");
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn off_removes_one_handler_and_leaves_the_others() {
    let (socket, peer, _server) = connected().await;
    let heard = Notes::default();
    let (first, second) = (heard.clone(), heard.clone());
    let off: Subscription = socket.on::<MessageNew>(move |_| first.add("first"));
    let _kept = socket.on::<MessageNew>(move |_| second.add("second"));
    say(&peer, "message.new", &message("a"));
    settle().await;
    assert_eq!(heard.take(), ["first", "second"]);
    off.unsubscribe();
    say(&peer, "message.new", &message("b"));
    settle().await;
    assert_eq!(heard.take(), ["second"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_type_is_named_by_its_struct_or_by_its_text() {
    let (socket, peer, _server) = connected().await;
    let heard = Notes::default();
    let (known, own) = (heard.clone(), heard.clone());
    socket.on_kind(event::message::NEW, move |event| known.add(&event.kind)).detach();
    socket.on_kind("deploy.finished", move |event| own.add(String::from_utf8_lossy(&event.payload))).detach();
    say(&peer, "message.new", &message("a"));
    say(&peer, "deploy.finished", &json!([1, 2]));
    say(&peer, "deploy.started", &json!({}));
    settle().await;
    assert_eq!(heard.take(), ["message.new", "[1,2]"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_type_is_other_and_any_hears_everything() {
    let (socket, peer, _server) = connected().await;
    let (others, all) = (Notes::default(), Notes::default());
    let (other, any) = (others.clone(), all.clone());
    socket.on_other(move |event| other.add(&event.kind)).detach();
    socket.on_any(move |event| any.add(&event.kind)).detach();
    for kind in ["message.new", "deploy.finished", "activity.status"] {
        say(&peer, kind, &json!({"conversationId": "c", "userId": "u", "status": "dancing"}));
    }
    settle().await;
    assert_eq!(others.take(), ["deploy.finished"]);
    assert_eq!(all.take(), ["message.new", "deploy.finished", "activity.status"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_fit_is_an_error_and_the_raw_event_is_still_told() {
    let (socket, peer, _server) = connected().await;
    let (heard, errors) = (Notes::default(), Notes::default());
    let (typed, raw, unfit) = (heard.clone(), heard.clone(), errors.clone());
    socket.on::<MessageNew>(move |_| typed.add("typed")).detach();
    socket.on_any(move |event| raw.add(format!("raw {}", String::from_utf8_lossy(&event.payload)))).detach();
    socket
        .on_error(move |error| {
            assert!(matches!(error, AgentError::Payload(_)));
            unfit.add(error);
        })
        .detach();
    let mut events = socket.events();
    say(&peer, "message.new", &json!({"conversationId": "c1"}));
    settle().await;
    assert_eq!(heard.take(), [r#"raw {"conversationId":"c1"}"#]);
    assert_eq!(errors.take(), ["an event's payload does not fit: `message.new` without `messageId`"], "once");
    let event = events.next().await.unwrap();
    assert!(matches!(&event.payload, TypedEvent::Other { kind, payload }
        if &**kind == "message.new" && &payload[..] == br#"{"conversationId":"c1"}"#));
    socket.disconnect().await;
    no_tasks().await;
}

static DECODED: AtomicUsize = AtomicUsize::new(0);

/// A struct of the application's own that counts how often it is read.
#[derive(Debug)]
struct Counted;

impl<'de> serde::Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        DECODED.fetch_add(1, Ordering::SeqCst);
        serde::de::IgnoredAny::deserialize(from).map(|_| Counted)
    }
}

impl EventPayload for Counted {
    const KIND: &'static str = "counted";
}

#[tokio::test(start_paused = true)]
async fn a_payload_is_read_once_for_all_handlers_and_not_at_all_for_none() {
    let (socket, peer, _server) = connected().await;
    let heard = Notes::default();
    let guards: Vec<_> = (0..5)
        .map(|n| {
            let heard = heard.clone();
            socket.on::<Counted>(move |event| heard.add(format!("{n} {}", event.kind)))
        })
        .collect();
    say(&peer, "counted", &json!({}));
    settle().await;
    assert_eq!((heard.take().len(), DECODED.load(Ordering::SeqCst)), (5, 1));
    drop(guards);
    say(&peer, "counted", &json!({}));
    settle().await;
    assert_eq!((heard.take().len(), DECODED.load(Ordering::SeqCst)), (0, 1));
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_an_enum_brings_every_event_in_order_and_each_stream_gets_all() {
    let (socket, peer, _server) = connected().await;
    let (mut first, mut second) = (socket.events(), socket.events());
    for (kind, payload, _) in twenty() {
        say(&peer, kind, &payload);
    }
    say(&peer, "deploy.finished", &json!({"ok": true}));
    for stream in [&mut first, &mut second] {
        for (kind, ..) in twenty() {
            let event = stream.next().await.unwrap();
            assert_eq!((&*event.kind, event.payload.kind()), (kind, kind));
            assert!(!matches!(event.payload, TypedEvent::Other { .. }), "{kind}");
        }
        let other = stream.next().await.unwrap();
        assert!(matches!(&other.payload, TypedEvent::Other { kind, .. } if &**kind == "deploy.finished"));
    }
    assert!(first.next().now_or_never().is_none());
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_takes_from_slows_the_socket_down_and_loses_nothing() {
    let (agent, mut server) = agent();
    let socket = agent.queue(16, 1 << 20).build().unwrap();
    let mut events = socket.events();
    let (connected, peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    for n in 0..5000 {
        say(&peer, "note", &json!(n));
    }
    for _ in 0..100 {
        settle().await;
    }
    for n in 0..5000 {
        let event = events.next().await.unwrap();
        assert!(
            matches!(&event.payload, TypedEvent::Other { payload, .. } if payload == n.to_string().as_bytes())
        );
    }
    // A full stream does not hold up a disconnect.
    for n in 0..5000 {
        say(&peer, "note", &json!(n));
    }
    for _ in 0..100 {
        settle().await;
    }
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_handler_is_reported_and_stops_nobody() {
    let (socket, peer, _server) = connected().await;
    let (heard, errors) = (Notes::default(), Notes::default());
    let (after, panics) = (heard.clone(), errors.clone());
    socket.on::<MessageNew>(|_| panic!("too much")).detach();
    socket.on::<MessageNew>(move |event| after.add(event.content.text.as_deref().unwrap())).detach();
    socket
        .on_error(move |error| {
            if let AgentError::Panicked(panic) = error {
                panics.add(&panic.message);
            }
        })
        .detach();
    say(&peer, "message.new", &message("a"));
    say(&peer, "message.new", &message("b"));
    settle().await;
    assert_eq!(heard.take(), ["a", "b"]);
    assert_eq!(errors.take(), ["too much", "too much"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_call_everything() {
    let (socket, mut peer, _server) = connected().await;
    let heard = Notes::default();
    let slot: Arc<Mutex<Option<Subscription>>> = Arc::default();
    let (inside, handle, own) = (heard.clone(), socket.clone(), slot.clone());
    let first = socket.on::<MessageNew>(move |_| {
        inside.add(handle.state());
        handle.subscribe(["conv_ondemand:c9"]).unwrap();
        handle.send_activity("c9", ActivityStatus::Thinking).unwrap();
        let late = inside.clone();
        handle.on::<MessageNew>(move |_| late.add("new")).detach();
        own.lock().unwrap().take();
    });
    *slot.lock().unwrap() = Some(first);
    say(&peer, "message.new", &message("a"));
    settle().await;
    say(&peer, "message.new", &message("b"));
    settle().await;
    assert_eq!(heard.take(), ["connected", "new"]);
    peer.expect("subscribe").await;
    peer.expect("activity").await;
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn handlers_stay_over_disconnect_and_connect() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let heard = Notes::default();
    let inside = heard.clone();
    socket.on::<MessageNew>(move |event| inside.add(event.content.text.as_deref().unwrap())).detach();
    for text in ["a", "b"] {
        let (connected, peer) = tokio::join!(socket.connect(), server.plain());
        connected.unwrap();
        say(&peer, "message.new", &message(text));
        settle().await;
        socket.disconnect().await;
    }
    assert_eq!(heard.take(), ["a", "b"]);
    socket.disconnect().await;
    no_tasks().await;
}
