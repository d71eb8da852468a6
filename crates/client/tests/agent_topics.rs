//! On-demand topics as a wish that lasts, and what this account is doing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent_support;

use std::time::Duration;

use agent_support::{Notes, Peer, Server, agent, mins, no_tasks, secs, settle};
use bowline::{ActivityStatus, AgentSocket, CommandError, RefusalCode, SubscribeError};
use serde_json::json;
use tokio::time::Instant;

async fn connected(socket: &AgentSocket, server: &mut Server) -> Peer {
    let (connected, peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    peer
}

#[tokio::test(start_paused = true)]
async fn a_subscribe_is_sent_and_its_ack_lists_the_topics() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let acks = Notes::default();
    let (subscribed, unsubscribed) = (acks.clone(), acks.clone());
    socket.on_subscribe_ack(move |ack| subscribed.add(format!("+{:?}", ack.topics))).detach();
    socket.on_unsubscribe_ack(move |ack| unsubscribed.add(format!("-{:?}", ack.topics))).detach();
    let mut peer = connected(&socket, &mut server).await;
    socket.subscribe(["conv_ondemand:conv-123"]).unwrap();
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:conv-123"]));
    peer.say(&json!({"action": "subscribe_ack", "subscribed": ["conv_ondemand:conv-123"], "errors": []}));
    settle().await;
    socket.unsubscribe(["conv_ondemand:conv-123"]).unwrap();
    assert_eq!(peer.expect("unsubscribe").await["topics"], json!(["conv_ondemand:conv-123"]));
    peer.say(&json!({"action": "unsubscribe_ack", "unsubscribed": ["conv_ondemand:conv-123"]}));
    settle().await;
    assert_eq!(acks.take(), [r#"+["conv_ondemand:conv-123"]"#, r#"-["conv_ondemand:conv-123"]"#]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn refused_topics_are_typed_and_those_refused_for_good_are_wanted_no_more() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let refused = Notes::default();
    let inside = refused.clone();
    socket
        .on_subscribe_ack(move |ack| {
            for refusal in &ack.refused {
                inside.add(format!("{} {}", refusal.topic, refusal.code == RefusalCode::Forbidden));
            }
        })
        .detach();
    let mut peer = connected(&socket, &mut server).await;
    socket.subscribe(["conv_ondemand:a", "conv_ondemand:b"]).unwrap();
    peer.expect("subscribe").await;
    peer.say(&json!({"action": "subscribe_ack", "subscribed": [], "errors": [
        {"topic": "conv_ondemand:a", "code": "FORBIDDEN"}, {"topic": "conv_ondemand:b", "code": "LIMIT_EXCEEDED"}]}));
    settle().await;
    assert_eq!(refused.take(), ["conv_ondemand:a true", "conv_ondemand:b false"]);
    // On this connection's successor and on a new run alike.
    peer.close(1006);
    let mut peer = server.plain().await;
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:b"]));
    socket.disconnect().await;
    let mut peer = connected(&socket, &mut server).await;
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:b"]));
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn topics_are_remembered_while_offline_and_over_disconnect() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    socket.subscribe(["conv_ondemand:a", "conv_ondemand:b"]).unwrap();
    socket.unsubscribe(["conv_ondemand:a"]).unwrap();
    let mut peer = connected(&socket, &mut server).await;
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:b"]));
    socket.disconnect().await;
    socket.subscribe(["conv_ondemand:c"]).unwrap();
    let mut peer = connected(&socket, &mut server).await;
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:b", "conv_ondemand:c"]));
    // Between attempts.
    peer.close(1006);
    settle().await;
    socket.unsubscribe(["conv_ondemand:b"]).unwrap();
    let mut peer = server.plain().await;
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:c"]));
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_topic_or_too_many_is_refused_and_changes_nothing() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let error = socket.subscribe(["conv_ondemand:ok", "no topic"]).unwrap_err();
    assert!(matches!(error, SubscribeError::Topic { topic, .. } if topic == "no topic"));
    let many = (0..1001).map(|n| format!("conv_ondemand:{n}"));
    let limit = |error| matches!(error, SubscribeError::Refused(CommandError::TooManySubscriptions { .. }));
    assert!(limit(socket.subscribe(many).unwrap_err()));
    assert!(limit(socket.subscribe((0..101).map(|n| format!("conv:{n}"))).unwrap_err()));
    let mut peer = connected(&socket, &mut server).await;
    settle().await;
    assert_eq!(peer.sent().len(), 0);
    let many = (0..1001).map(|n| format!("conv_ondemand:{n}"));
    assert!(limit(socket.subscribe(many).unwrap_err()));
    settle().await;
    assert_eq!(peer.sent().len(), 0);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_status_is_sent_at_once_and_the_same_one_within_3_s_is_not() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut peer = connected(&socket, &mut server).await;
    socket.send_activity("conv-123", ActivityStatus::Thinking).unwrap();
    settle().await;
    let frame = json!({"action": "activity", "conversationId": "conv-123", "status": "thinking"});
    assert_eq!(peer.sent(), [frame]);
    tokio::time::sleep(Duration::from_millis(2900)).await;
    socket.send_activity("conv-123", ActivityStatus::Thinking).unwrap();
    settle().await;
    assert_eq!(peer.sent().len(), 0, "suppressed");
    socket.send_activity("conv-123", ActivityStatus::ToolCalling).unwrap();
    settle().await;
    assert_eq!(peer.sent()[0]["status"], "tool_calling", "another one is not suppressed");
    tokio::time::sleep(Duration::from_millis(3000)).await;
    socket.send_activity("conv-123", ActivityStatus::ToolCalling).unwrap();
    settle().await;
    assert_eq!(peer.sent().len(), 1, "3 s have passed");
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn an_active_status_is_repeated_every_5_s_until_idle() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut peer = connected(&socket, &mut server).await;
    socket.send_activity("conv-123", ActivityStatus::Typing).unwrap();
    let start = Instant::now();
    for n in 0..4 {
        assert_eq!(peer.expect("activity").await["status"], "typing");
        assert_eq!(start.elapsed(), secs(5 * n));
    }
    socket.send_activity("conv-123", ActivityStatus::Idle).unwrap();
    assert_eq!(peer.expect("activity").await["status"], "idle");
    assert_eq!(start.elapsed(), secs(15), "at once");
    socket.send_activity("conv-123", ActivityStatus::Idle).unwrap();
    tokio::time::sleep(mins(4)).await;
    assert_eq!(peer.sent().len(), 0, "idle is not repeated, and not sent where nothing was active");
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn statuses_end_with_disconnect_and_need_a_connection_that_is_wanted() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    assert_eq!(socket.send_activity("c", ActivityStatus::Typing), Err(CommandError::Closed));
    let _peer = connected(&socket, &mut server).await;
    socket.send_activity("c", ActivityStatus::Typing).unwrap();
    socket.disconnect().await;
    assert_eq!(socket.send_activity("c", ActivityStatus::Typing), Err(CommandError::Closed));
    let mut peer = connected(&socket, &mut server).await;
    tokio::time::sleep(mins(1)).await;
    assert_eq!(peer.sent().len(), 0);
    socket.disconnect().await;
    no_tasks().await;
}
