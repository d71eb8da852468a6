//! From a publish to a socket.

mod support;

use std::time::Duration;

use serde_json::json;
use support::http::{call, grant, publish};
use support::ws::{End, Socket};
use support::{claiming, mint, operator, start, token};

#[tokio::test]
async fn an_account_socket_is_accepted_at_the_head() {
    let (gateway, _dir) = start().await;
    let seq = publish(gateway.addr(), "conv:elsewhere", "1").await;
    let (_socket, accepted) = Socket::accepted(gateway.addr(), &token("alice")).await;
    assert_eq!(accepted["seq"], seq);
    assert_eq!(accepted["resumed"], false);
    assert_eq!(accepted["epoch"].as_str().unwrap().len(), 16);
    assert!(accepted["sessionId"].as_str().unwrap().len() >= 22);
    assert_eq!(accepted["heartbeatMs"], 15_000);
    assert_eq!(accepted["features"], json!(["resume", "drain"]));
}

#[tokio::test]
async fn a_published_event_reaches_every_socket_that_has_its_topic_and_no_other() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    grant(addr, "alice", "conv:c1").await;
    grant(addr, "bob", "conv:c1").await;
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    let (mut bob, _) = Socket::accepted(addr, &token("bob")).await;
    let (mut carol, _) = Socket::accepted(addr, &token("carol")).await;
    let first = publish(addr, "conv:c1", r#"{"text":"hello"}"#).await;
    let second = publish(addr, "conv:c1", r#"{"text":"again"}"#).await;
    let mail = publish(addr, "user:carol", "7").await;
    for socket in [&mut alice, &mut bob] {
        let event = socket.event().await;
        assert_eq!(event["topic"], "conv:c1");
        assert_eq!(event["seq"], first);
        assert_eq!(event["payload"], json!({"text": "hello"}));
        let event = socket.event().await;
        assert_eq!((event["seq"].as_u64(), event["prev"].as_u64()), (Some(second), Some(first)));
    }
    assert_eq!(carol.event().await["seq"], mail);
}

#[tokio::test]
async fn a_grant_takes_effect_on_a_live_socket_and_a_revocation_ends_it() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    grant(addr, "alice", "conv:c1").await;
    assert_eq!(alice.action("topics").await["added"], json!(["conv:c1"]));
    let seen = publish(addr, "conv:c1", "1").await;
    assert_eq!(alice.event().await["seq"], seen);
    let answer = call(addr, &operator(), "DELETE", "/v1/accounts/alice/topics/conv:c1", "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(alice.action("topics").await["removed"], json!(["conv:c1"]));
    publish(addr, "conv:c1", "2").await;
    let own = publish(addr, "user:alice", "3").await;
    assert_eq!(alice.event().await["seq"], own);
}

#[tokio::test]
async fn an_ephemeral_publish_reaches_subscribers_and_is_not_logged() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    grant(addr, "alice", "conv:c1").await;
    let (mut alice, accepted) = Socket::accepted(addr, &token("alice")).await;
    alice.send(&json!({"action": "subscribe", "topics": ["conv_ondemand:c1"]})).await;
    assert_eq!(alice.action("subscribe_ack").await["subscribed"], json!(["conv_ondemand:c1"]));
    let body = r#"{"topic":"conv_ondemand:c1","type":"x","payload":{"a":1},"ephemeral":true}"#;
    let answer = call(addr, &operator(), "POST", "/v1/events", body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["seq"], json!(null));
    let signal = alice.event().await;
    assert_eq!(signal["payload"], json!({"a": 1}));
    assert!(signal.get("seq").is_none());
    let (_other, later) = Socket::accepted(addr, &token("bob")).await;
    assert_eq!(later["seq"], accepted["seq"]);
}

#[tokio::test]
async fn an_activity_reaches_a_subscriber_on_another_shard() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    // Enough accounts for both shards.
    let names: Vec<String> = (0..8).map(|n| format!("member{n}")).collect();
    let mut sockets = Vec::new();
    for name in &names {
        grant(addr, name, "conv:c1").await;
        let (mut socket, _) = Socket::accepted(addr, &token(name)).await;
        socket.send(&json!({"action": "subscribe", "topics": ["conv_ondemand:c1"]})).await;
        socket.action("subscribe_ack").await;
        sockets.push(socket);
    }
    sockets[0].send(&json!({"action": "activity", "conversationId": "c1", "status": "thinking"})).await;
    for socket in &mut sockets[1..] {
        let event = socket.event().await;
        assert_eq!(event["type"], "activity.status");
        assert_eq!(event["payload"]["userId"], "member0");
        assert_eq!(event["payload"]["status"], "thinking");
    }
}

#[tokio::test]
async fn the_third_socket_of_an_agent_is_refused_with_4503_and_a_human_gets_it() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let _two = (Socket::accepted(addr, &token("alice")).await, Socket::accepted(addr, &token("alice")).await);
    let mut third = Socket::open(addr, &format!("/agent?token={}", token("alice")), &[]).await;
    let told = third.json().await;
    assert_eq!(told["action"], "connection.rejected");
    assert_eq!(told["reason"], "CONNECTION_LIMIT_EXCEEDED");
    assert_eq!(third.end().await, End::Closed(4503));
    let human = mint(|_| {}, "hugo");
    for _ in 0..3 {
        Socket::accepted(addr, &human).await;
    }
}

#[tokio::test]
async fn a_path_socket_has_its_topic_only() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    grant(addr, "alice", "conv:c1").await;
    let token = claiming("alice", &["chat:t1"]);
    let mut chat = Socket::open(addr, &format!("/chats/t1?token={token}"), &[]).await;
    assert_eq!(chat.json().await["action"], "connection.accepted");
    publish(addr, "conv:c1", "1").await;
    let seq = publish(addr, "chat:t1", "2").await;
    assert_eq!(chat.event().await["seq"], seq);
}

#[tokio::test]
async fn the_operator_disconnects_an_account_with_4502() {
    let (gateway, _dir) = start().await;
    let (mut alice, _) = Socket::accepted(gateway.addr(), &token("alice")).await;
    let answer =
        call(gateway.addr(), &operator(), "POST", "/v1/accounts/alice/disconnect", r#"{"reason":"spam"}"#)
            .await;
    assert_eq!(answer.status, 204);
    assert_eq!(alice.end().await, End::Closed(4502));
}

#[tokio::test]
async fn a_ping_is_answered_with_a_position_and_a_websocket_ping_with_its_bytes() {
    let (gateway, _dir) = start().await;
    let (mut alice, accepted) = Socket::accepted(gateway.addr(), &token("alice")).await;
    alice.send(&json!({"action": "ping"})).await;
    let pong = alice.json().await;
    assert_eq!((&pong["action"], &pong["seq"]), (&json!("pong"), &accepted["seq"]));
    alice.send_frame(0x80 | support::ws::PING, b"are you there").await;
    assert_eq!(alice.next().await, Ok((support::ws::PONG, b"are you there".to_vec())));
    assert!(alice.is_quiet(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn a_close_is_answered_with_its_code_and_frees_the_socket() {
    let (gateway, _dir) = start().await;
    let (mut alice, _) = Socket::accepted(gateway.addr(), &token("alice")).await;
    alice.send_frame(0x80 | support::ws::CLOSE, &1000u16.to_be_bytes()).await;
    assert_eq!(alice.end().await, End::Closed(1000));
    assert_eq!(alice.end().await, End::Cut);
    support::until("the socket is freed", || gateway.stats().sockets == 0).await;
}
