//! What a running gateway says is what `docs/asyncapi.yaml` describes: frames, names, close codes.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use jsonschema::Draft;
use serde_json::{Value, json};
use support::http::{call, grant, publish};
use support::ws::{BINARY, End, Socket, TEXT, bearer};
use support::{account, builder, config, operator, start, token};

const DOCUMENT: &str = include_str!("../../../docs/asyncapi.yaml");
/// A gateway sends it where an acceptance has no room for all gaps; they have one schema.
const NOT_HEARD: &str = "gap";

struct Document {
    parsed: Value,
    heard: BTreeSet<String>,
    reject_reasons: BTreeSet<String>,
    error_codes: BTreeSet<String>,
    closes: BTreeSet<u16>,
}

impl Document {
    fn read() -> Document {
        let parsed = serde_saphyr::from_str(DOCUMENT).unwrap();
        Document {
            parsed,
            heard: BTreeSet::new(),
            reject_reasons: BTreeSet::new(),
            error_codes: BTreeSet::new(),
            closes: BTreeSet::new(),
        }
    }

    /// Holds `frame` to the message that it is.
    fn hold(&mut self, frame: &Value) {
        let messages = &self.parsed["components"]["messages"];
        let name = match (frame["action"].as_str(), frame["type"].as_str()) {
            (Some(action), _) => action,
            (None, Some(kind)) if messages.get(kind).is_some() => kind,
            (None, Some(_)) if frame.get("seq").is_some() => "event",
            (None, _) => "signal",
        };
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [messages[name]["payload"]],
            "components": self.parsed["components"],
        });
        let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
        let validator = options.build(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(frame).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}: {frame}");
        if let Some(reason) = frame["reason"].as_str().filter(|_| name == "connection.rejected") {
            self.reject_reasons.insert(reason.to_owned());
        }
        if let Some(code) = frame["code"].as_str().filter(|_| name == "error") {
            self.error_codes.insert(code.to_owned());
        }
        self.heard.insert(name.to_owned());
    }

    /// The next frame.
    async fn hear(&mut self, socket: &mut Socket) -> Value {
        let frame = socket.json().await;
        self.hold(&frame);
        frame
    }

    /// The next frame with this action or of this type.
    async fn wait_for(&mut self, socket: &mut Socket, name: &str) -> Value {
        loop {
            let frame = self.hear(socket).await;
            if frame["action"] == name || frame["type"] == name {
                return frame;
            }
        }
    }

    /// Everything up to the close, which the document must know.
    async fn end(&mut self, socket: &mut Socket, code: u16) {
        let end = loop {
            match socket.next().await {
                Ok((TEXT, payload)) => self.hold(&serde_json::from_slice(&payload).unwrap()),
                Ok((support::ws::CLOSE, payload)) => break payload,
                Ok(_) => {}
                Err(end) => panic!("{end:?} before a close with {code}"),
            }
        };
        assert_eq!(u16::from_be_bytes([end[0], end[1]]), code);
        let lines = self.parsed["x-close-codes"].as_array().unwrap();
        let line = lines.iter().find(|line| line["code"] == code).unwrap_or_else(|| panic!("no {code}"));
        assert_eq!(line["name"].as_str().unwrap().as_bytes(), &end[2..]);
        self.closes.insert(code);
    }

    fn listed(&self, schema: &str) -> BTreeSet<String> {
        let list = self.parsed["components"]["schemas"][schema]["x-extensible-enum"].as_array().unwrap();
        list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_a_gateway_says_is_what_the_document_describes() {
    let mut document = Document::read();
    hear_rejections(&mut document).await;
    hear_a_conversation(&mut document).await;
    hear_complaints(&mut document).await;
    hear_farewells(&mut document).await;
    let sent: BTreeSet<String> = document.parsed["operations"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|operation| match operation["action"].as_str() {
            Some("send") => vec![&operation["messages"]],
            _ => operation.pointer("/reply/messages").into_iter().collect(),
        })
        .flat_map(|messages| messages.as_array().unwrap())
        .map(|message| message["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<String> = sent.into_iter().filter(|name| name != NOT_HEARD).collect();
    assert_eq!(document.heard, expected);
    assert_eq!(document.reject_reasons, document.listed("RejectReason"));
    assert_eq!(document.error_codes, document.listed("ErrorCode"));
}

async fn hear_rejections(document: &mut Document) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let mut stranger = Socket::open(addr, "/agent", &[]).await;
    document.end(&mut stranger, 4501).await;
    let mut outsider = Socket::open(addr, "/chats/t1", &[&bearer(&token("alice"))]).await;
    document.end(&mut outsider, 4501).await;
    let _two = (Socket::accepted(addr, &token("alice")).await, Socket::accepted(addr, &token("alice")).await);
    let mut third = Socket::open(addr, "/agent", &[&bearer(&token("alice"))]).await;
    document.end(&mut third, 4503).await;
}

async fn hear_a_conversation(document: &mut Document) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    for name in ["alice", "bob"] {
        grant(addr, name, "conv:c1").await;
    }
    let mut alice = Socket::open(addr, "/agent", &[&bearer(&token("alice"))]).await;
    let accepted = document.wait_for(&mut alice, "connection.accepted").await;
    alice
        .send(&json!({"action": "subscribe", "topics": ["conv_ondemand:c1", "conv_ondemand:c9", "x"]}))
        .await;
    document.wait_for(&mut alice, "subscribe_ack").await;
    let (mut bob, _) = Socket::accepted(addr, &token("bob")).await;
    bob.send(&json!({"action": "activity", "conversationId": "c1", "status": "typing"})).await;
    document.wait_for(&mut alice, "activity.status").await;
    let signal = r#"{"topic":"conv_ondemand:c1","type":"wave","payload":1,"ephemeral":true}"#;
    assert_eq!(call(addr, &operator(), "POST", "/v1/events", signal).await.status, 202);
    document.wait_for(&mut alice, "wave").await;
    alice.send(&json!({"action": "unsubscribe", "topics": ["conv_ondemand:c1"]})).await;
    document.wait_for(&mut alice, "unsubscribe_ack").await;
    alice.send(&json!({"action": "ping"})).await;
    document.wait_for(&mut alice, "pong").await;
    // Every event of the document, with the example that its schema makes.
    for (kind, payload) in typed_payloads() {
        let body = json!({"topic": "conv:c1", "type": kind, "payload": payload}).to_string();
        assert_eq!(call(addr, &operator(), "POST", "/v1/events", &body).await.status, 201);
        document.wait_for(&mut alice, kind).await;
    }
    publish(addr, "conv:c1", &typed_payloads()[0].1.to_string()).await;
    let greeting = r#"{"topic":"conv:c1","type":"greeting","payload":[1]}"#;
    assert_eq!(call(addr, &operator(), "POST", "/v1/events", greeting).await.status, 201);
    document.wait_for(&mut alice, "greeting").await;
    grant(addr, "alice", "conv:c2").await;
    document.wait_for(&mut alice, "topics").await;
    let mut frame = json!({"action": "resume", "seq": 1, "epoch": "00000000000000ff"});
    frame["sessionId"] = accepted["sessionId"].clone();
    let mut again = Socket::open(addr, "/agent?resume=1", &[&bearer(&token("alice"))]).await;
    again.send(&frame).await;
    let resumed = document.wait_for(&mut again, "connection.accepted").await;
    assert_eq!(resumed["gaps"][0]["reason"], "epoch", "{resumed}");
}

/// A payload of each typed event that is logged, as small as it gets.
fn typed_payloads() -> Vec<(&'static str, Value)> {
    let at = "2026-11-22T01:02:03.456Z";
    let contact = json!({"contact": {"userId": "u", "contactId": "c", "status": "s", "requesterId": "u",
        "friendAccountType": "human", "createdAt": at, "updatedAt": at}});
    let pair = json!({"userId": "u", "contactId": "c"});
    vec![
        (
            "message.new",
            json!({"conversationId": "c", "messageId": "m", "senderId": "s", "senderDisplayName": "S",
                "conversationType": "dm", "content": {}, "sequenceNumber": 1, "createdAt": at}),
        ),
        (
            "message.updated",
            json!({"conversationId": "c", "messageId": "m", "senderId": "s", "content": {}, "updatedAt": at}),
        ),
        (
            "message.deleted",
            json!({"conversationId": "c", "messageId": "m", "senderId": "s", "deletedAt": at}),
        ),
        ("conversation.new", json!({"conversationId": "c", "type": "dm", "createdBy": "u"})),
        ("conversation.updated", json!({"conversationId": "c", "updatedBy": "u", "changes": {}})),
        ("conversation.member_added", json!({"conversationId": "c", "addedBy": "u", "members": []})),
        (
            "conversation.member_removed",
            json!({"conversationId": "c", "removedBy": "u", "targetUserId": "v"}),
        ),
        ("conversation.member_updated", json!({"conversationId": "c", "userId": "u", "changes": {}})),
        ("contact.request_received", contact.clone()),
        ("contact.request_accepted", contact),
        ("contact.request_rejected", pair.clone()),
        ("contact.request_revoked", pair.clone()),
        ("contact.removed", pair),
        ("contact.request_pending_approval", json!({"agentId": "a", "requesterId": "r"})),
        ("contact.friend_name_updated", json!({"userId": "u", "contactId": "c", "friendName": "f"})),
        ("block.created", json!({"userId": "u", "blockedUserId": "b"})),
        ("block.removed", json!({"userId": "u", "unblockedUserId": "b"})),
        ("user.profile_updated", json!({"userId": "u"})),
        ("agent.settings_updated", json!({"agentId": "a", "settings": {}})),
    ]
}

async fn hear_complaints(document: &mut Document) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    let limit = document.parsed["x-limits"]["badFrames"].as_u64().unwrap();
    for (conversation, code) in [("", "INVALID_TOPIC"), ("c1", "FORBIDDEN")] {
        alice.send(&json!({"action": "activity", "conversationId": conversation, "status": "typing"})).await;
        assert_eq!(document.wait_for(&mut alice, "error").await["code"], code);
    }
    let topics = document.parsed["x-limits"]["topicsPerFrame"].as_u64().unwrap() as usize;
    alice.send(&json!({"action": "subscribe", "topics": vec!["conv:c1"; topics]})).await;
    assert_eq!(
        document.wait_for(&mut alice, "subscribe_ack").await["errors"].as_array().unwrap().len(),
        topics
    );
    alice.send(&json!({"action": "subscribe", "topics": vec!["conv:c1"; topics + 1]})).await;
    assert_eq!(document.wait_for(&mut alice, "error").await["code"], "BAD_FRAME");
    for _ in 1..limit {
        alice.send_frame(0x80 | TEXT, b"no json").await;
    }
    document.end(&mut alice, 4504).await;

    let claims = support::claiming("bob", &["conv:*"]);
    let (mut bob, _) = Socket::accepted(addr, &claims).await;
    for at in 0..=100 {
        bob.send(&json!({"action": "activity", "conversationId": format!("c{at}"), "status": "typing"}))
            .await;
    }
    assert_eq!(document.wait_for(&mut bob, "error").await["code"], "LIMIT_EXCEEDED");
    let burst = document.parsed["x-limits"]["framesAtOnce"].as_u64().unwrap();
    let (mut carol, _) = Socket::accepted(addr, &token("carol")).await;
    let ping = support::ws::masked(0x80 | TEXT, br#"{"action":"ping"}"#);
    // Twice as many as may come at once, in one piece: some are above the rate however slow this machine is.
    carol.send_raw(&ping.repeat(2 * burst as usize)).await;
    assert_eq!(document.wait_for(&mut carol, "error").await["code"], "RATE_LIMITED");
}

async fn hear_farewells(document: &mut Document) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    alice.send_frame(0x80 | BINARY, b"{}").await;
    document.end(&mut alice, 1003).await;
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    alice.send_frame(0x80 | TEXT, &[0xFF]).await;
    document.end(&mut alice, 1007).await;
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    let longest = document.parsed["x-limits"]["messageBytes"].as_u64().unwrap() as usize;
    alice.send_frame(0x80 | TEXT, &vec![b' '; longest + 1]).await;
    document.end(&mut alice, 1009).await;
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    alice.send_raw(&[0x81, 2, b'{', b'}']).await;
    document.end(&mut alice, 1002).await;
    let (mut alice, accepted) = Socket::accepted(addr, &token("alice")).await;
    // Another socket of the same session, and a third that proves it: the second hands over, the first is superseded.
    let proof =
        json!({"sessionId": accepted["sessionId"], "epoch": accepted["epoch"], "seq": accepted["seq"]});
    let (_second, _) = Socket::resumed(addr, &token("alice"), proof.clone()).await;
    let (_third, _) = Socket::resumed(addr, &token("alice"), proof).await;
    document.end(&mut alice, 4506).await;
    let (mut bob, _) = Socket::accepted(addr, &token("bob")).await;
    gateway.disconnect(&account("bob"));
    document.end(&mut bob, 4502).await;
    let (mut carol, _) = Socket::accepted(addr, &token("carol")).await;
    let draining = tokio::spawn(async move {
        gateway.drain(Duration::from_millis(100)).await;
        gateway
    });
    document.wait_for(&mut carol, "connection.draining").await;
    document.end(&mut carol, 4003).await;
    draining.await.unwrap().stop().await;
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.max_duration = Duration::from_secs(1);
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    let (mut dave, _) = Socket::accepted(gateway.addr(), &token("dave")).await;
    document.end(&mut dave, 4001).await;
    assert_eq!(dave.end().await, End::Cut);
}
