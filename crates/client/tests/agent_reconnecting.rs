//! Unplanned ends: the backoff of the seed, its end by `disconnect`, and what survives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent_support;

use std::time::Duration;

use agent_support::{Notes, Peer, Server, agent, mins, no_tasks, secs, settle};
use bowline::{ActivityStatus, AgentError, AgentSocket, AgentState, ConnectError, Jitter};
use serde_json::json;
use tokio::time::Instant;

async fn connected(socket: &AgentSocket, server: &mut Server) -> Peer {
    let (connected, peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    peer
}

/// How long each of `n` dials lets wait, all of which fail.
async fn waits(server: &mut Server, n: usize) -> Vec<u64> {
    let mut before = Instant::now();
    let mut waits = Vec::new();
    for _ in 0..n {
        let attempt = server.dialled().await;
        waits.push(u64::try_from((attempt.at - before).as_millis()).unwrap());
        before = attempt.at;
        attempt.fail();
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn it_waits_exactly_1_2_4_up_to_30_s() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let peer = connected(&socket, &mut server).await;
    peer.close(1006);
    settle().await;
    let expected = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000];
    assert_eq!(waits(&mut server, 8).await, expected);
    let _peer = server.plain().await;
    settle().await;
    assert_eq!(socket.state(), AgentState::Connected);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_held_10_s_starts_the_backoff_over_and_a_shorter_one_does_not() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    connected(&socket, &mut server).await.close(1006);
    settle().await;
    assert_eq!(waits(&mut server, 3).await, [1000, 2000, 4000]);
    let start = Instant::now();
    server.plain().await.close(1006);
    assert_eq!(start.elapsed(), secs(8));
    settle().await;
    assert_eq!(waits(&mut server, 1).await, [16_000]);
    let peer = server.plain().await;
    tokio::time::sleep(secs(10)).await;
    peer.close(1006);
    settle().await;
    assert_eq!(waits(&mut server, 2).await, [1000, 2000]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn jitter_is_an_option() {
    let (agent, mut server) = agent();
    let socket = agent.jitter(Jitter::Full).build().unwrap();
    connected(&socket, &mut server).await.close(1006);
    settle().await;
    let waits = waits(&mut server, 8).await;
    let most = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000];
    assert!(waits.iter().zip(most).all(|(wait, most)| *wait <= most), "{waits:?}");
    assert_ne!(waits, most);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn base_and_cap_can_be_chosen() {
    let (agent, mut server) = agent();
    let socket = agent.backoff(Duration::from_millis(100), Duration::from_millis(250)).build().unwrap();
    connected(&socket, &mut server).await.close(1006);
    settle().await;
    assert_eq!(waits(&mut server, 4).await, [100, 200, 250, 250]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_attempts_ends_it_with_an_error_that_says_so() {
    let (agent, mut server) = agent();
    let socket = agent.max_reconnect_attempts(3).build().unwrap();
    let ended = Notes::default();
    let inside = ended.clone();
    socket
        .on_error(move |error| {
            if let AgentError::Ended(ConnectError::AttemptsExhausted { attempts, .. }) = error {
                inside.add(attempts);
            }
        })
        .detach();
    connected(&socket, &mut server).await.close(1006);
    settle().await;
    assert_eq!(waits(&mut server, 3).await, [1000, 2000, 4000]);
    settle().await;
    assert_eq!(ended.take(), ["3"]);
    assert!(server.is_quiet_for(mins(60)).await);
    no_tasks().await;
    let _peer = connected(&socket, &mut server).await;
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn disconnect_does_not_trigger_it() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let _peer = connected(&socket, &mut server).await;
    socket.disconnect().await;
    assert!(server.is_quiet_for(mins(600)).await);
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn the_return_of_the_network_ends_the_wait() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    connected(&socket, &mut server).await.close(1006);
    settle().await;
    waits(&mut server, 6).await;
    settle().await;
    let start = Instant::now();
    socket.network_returned();
    let _peer = server.plain().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn waking_from_three_hours_of_sleep_it_reconnects_at_once() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    // Asleep between attempts.
    connected(&socket, &mut server).await.close(1006);
    settle().await;
    waits(&mut server, 7).await;
    settle().await;
    tokio::time::advance(mins(180)).await;
    let woken = Instant::now();
    let peer = server.plain().await;
    assert!(woken.elapsed() < Duration::from_millis(5), "{:?}", woken.elapsed());
    settle().await;
    assert_eq!(socket.state(), AgentState::Connected);
    // Asleep while connected: the network has cut the socket without a word, its successor is dialled at once.
    tokio::time::advance(mins(180)).await;
    let woken = Instant::now();
    let _successor = server.plain().await;
    assert!(woken.elapsed() < Duration::from_millis(5), "{:?}", woken.elapsed());
    drop(peer);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn topics_and_the_latest_status_are_back_after_a_reconnect() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut peer = connected(&socket, &mut server).await;
    socket.subscribe(["conv_ondemand:c1"]).unwrap();
    socket.send_activity("c1", ActivityStatus::Typing).unwrap();
    peer.expect("activity").await;
    peer.close(1006);
    settle().await;
    socket.send_activity("c1", ActivityStatus::Thinking).unwrap();
    socket.send_activity("c1", ActivityStatus::ToolCalling).unwrap();
    let mut peer = server.plain().await;
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:c1"]));
    assert_eq!(peer.expect("activity").await["status"], "tool_calling");
    settle().await;
    assert!(!peer.sent().iter().any(|frame| frame["action"] == "activity"));
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_over_a_reconnect_and_over_disconnect_and_connect() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let seqs = Notes::default();
    let inside = seqs.clone();
    socket.on_any(move |event| inside.add(event.place.unwrap().seq)).detach();
    let (connected, peer) = tokio::join!(socket.connect(), async {
        let mut peer = server.opened().await;
        peer.accept(10);
        peer
    });
    connected.unwrap();
    peer.event(11, 3);
    peer.close(1006);
    let mut peer = server.opened().await;
    assert_eq!(peer.accept_resume().await["seq"], 11);
    peer.event(11, 3);
    peer.event(12, 11);
    settle().await;
    socket.disconnect().await;
    let (connected, peer) = tokio::join!(socket.connect(), async {
        let mut peer = server.opened().await;
        assert_eq!(peer.accept_resume().await["seq"], 12);
        peer
    });
    connected.unwrap();
    peer.event(14, 12);
    settle().await;
    assert_eq!(seqs.take(), ["11", "12", "14"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_is_told_with_its_topic_and_range() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let told = Notes::default();
    let (gaps, events) = (told.clone(), told.clone());
    socket.on_gap(move |gap| gaps.add(format!("{} {}..{}", gap.topic, gap.after, gap.before))).detach();
    socket.on_any(move |event| events.add(event.place.unwrap().seq)).detach();
    let (connected, peer) = tokio::join!(socket.connect(), async {
        let mut peer = server.opened().await;
        peer.accept(10);
        peer
    });
    connected.unwrap();
    peer.event(11, 3);
    peer.say(&json!({"action": "gap", "topic": "conv:c1", "after": 11, "before": 20, "reason": "retention"}));
    peer.event(20, 19);
    settle().await;
    assert_eq!(told.take(), ["11", "conv:c1 11..20", "20"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_plain_server_is_pinged_every_5_min_and_an_announced_heartbeat_is_kept() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut peer = connected(&socket, &mut server).await;
    let start = Instant::now();
    for n in 1..=3 {
        peer.expect("ping").await;
        assert_eq!(start.elapsed(), mins(5 * n));
    }
    socket.disconnect().await;
    let (connected, mut peer) = tokio::join!(socket.connect(), async {
        let peer = server.opened().await;
        peer.say(&json!({"action": "connection.accepted", "heartbeatMs": 15000}));
        peer
    });
    connected.unwrap();
    let start = Instant::now();
    peer.expect("ping").await;
    assert_eq!(start.elapsed(), secs(15));
    socket.disconnect().await;
    no_tasks().await;
}
