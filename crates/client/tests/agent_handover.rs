//! Planned moves: when, in which order, and that nobody notices.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent_support;

use agent_support::{Notes, Peer, Server, agent, mins, no_tasks, secs, settle};
use bowline::AgentSocket;
use serde_json::{Value, json};
use tokio::time::Instant;

async fn connected(socket: &AgentSocket, server: &mut Server) -> Peer {
    let (connected, peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    peer
}

fn note(n: u64) -> Value {
    json!({"type": "note", "payload": {"n": n}})
}

fn acked(topics: &[&str]) -> Value {
    json!({"action": "subscribe_ack", "subscribed": topics, "errors": []})
}

#[tokio::test(start_paused = true)]
async fn by_default_it_moves_at_exactly_110_min_again_and_again() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut peer = connected(&socket, &mut server).await;
    for _ in 0..3 {
        let accepted_at = Instant::now();
        let next = server.plain().await;
        assert_eq!(accepted_at.elapsed(), mins(110));
        assert_eq!(peer.closed().await, Some(1000));
        peer = next;
    }
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn the_interval_can_be_chosen() {
    let (agent, mut server) = agent();
    let socket = agent.proactive_reconnect(mins(7)).build().unwrap();
    let _peer = connected(&socket, &mut server).await;
    let start = Instant::now();
    server.dialled().await;
    assert_eq!(start.elapsed(), mins(7));
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn the_new_connection_is_accepted_before_the_old_one_is_closed_and_no_state_changes() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let states = Notes::states(&socket);
    let mut old = connected(&socket, &mut server).await;
    assert_eq!(states.take(), ["connecting", "connected"]);
    let mut new = server.opened().await;
    tokio::time::sleep(secs(14)).await;
    assert!(old.is_open() && server.open_sockets() == 2, "both are up until the new one is accepted");
    new.accept_plain();
    assert_eq!(old.closed().await, Some(1000));
    settle().await;
    assert_eq!(server.open_sockets(), 1);
    assert_eq!(states.take().len(), 0);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_move_that_fails_leaves_the_old_connection_and_is_tried_again_soon() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let states = Notes::states(&socket);
    let mut old = connected(&socket, &mut server).await;
    server.dialled().await.fail();
    let never_accepted = server.opened().await;
    let start = Instant::now();
    let rejected = server.opened().await;
    assert!(start.elapsed() < mins(1), "{:?}", start.elapsed());
    rejected.reject("CONNECTION_LIMIT_EXCEEDED");
    rejected.close(4503);
    settle().await;
    assert!(old.is_open() && !never_accepted.is_open());
    let _new = server.plain().await;
    assert_eq!(old.closed().await, Some(1000));
    assert_eq!(states.take(), ["connecting", "connected"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn on_demand_topics_survive_20_moves_on_a_plain_server_and_are_live_before_the_old_connection_goes() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let (states, acks) = (Notes::states(&socket), Notes::default());
    let inside = acks.clone();
    socket.on_subscribe_ack(move |ack| inside.add(ack.topics.len())).detach();
    socket.subscribe(["conv_ondemand:c1", "conv_ondemand:c2"]).unwrap();
    let mut peer = connected(&socket, &mut server).await;
    let topics = ["conv_ondemand:c1", "conv_ondemand:c2"];
    assert_eq!(peer.expect("subscribe").await["topics"], json!(topics));
    peer.say(&acked(&topics));
    for n in 0..20 {
        let mut next = server.plain().await;
        assert_eq!(next.expect("subscribe").await["topics"], json!(topics), "move {n}");
        settle().await;
        assert!(peer.is_open(), "move {n}: the topics are not live on the new connection yet");
        next.say(&acked(&topics));
        assert_eq!(peer.closed().await, Some(1000), "move {n}");
        peer = next;
    }
    assert_eq!(acks.take(), ["2"], "the application subscribed once");
    assert_eq!(states.take(), ["connecting", "connected"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn on_demand_topics_survive_20_moves_on_a_resuming_gateway() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let (states, heard) = (Notes::states(&socket), Notes::default());
    let inside = heard.clone();
    socket.on_any(move |event| inside.add(event.place.map_or(0, |place| place.seq.get()))).detach();
    socket.subscribe(["conv_ondemand:c1"]).unwrap();
    let (connected, mut peer) = tokio::join!(socket.connect(), async {
        let mut peer = server.opened().await;
        peer.accept(10);
        peer
    });
    connected.unwrap();
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:c1"]));
    peer.say(&acked(&["conv_ondemand:c1"]));
    for n in 0..20 {
        let mut next = server.opened().await;
        let resume = next.accept_resume().await;
        assert_eq!(resume["topics"], json!(["conv_ondemand:c1"]), "move {n}");
        assert_eq!(resume["seq"], 10 + n);
        // Both bring the same event.
        peer.event(11 + n, 10 + n);
        next.event(11 + n, 10 + n);
        assert_eq!(peer.closed().await, Some(1000));
        peer = next;
        settle().await;
    }
    assert_eq!(heard.take(), (11..31).map(|seq| seq.to_string()).collect::<Vec<_>>());
    assert_eq!(states.take(), ["connecting", "connected"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn on_a_plain_server_identical_frames_of_the_overlap_are_told_once() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let heard = Notes::default();
    let inside = heard.clone();
    socket.on_any(move |event| inside.add(String::from_utf8_lossy(&event.payload))).detach();
    let old = connected(&socket, &mut server).await;
    // Before the overlap equal frames are two events.
    old.say(&note(1));
    old.say(&note(1));
    let mut new = server.opened().await;
    settle().await;
    old.say(&note(2));
    settle().await;
    new.accept_plain();
    new.say(&note(2));
    new.say(&note(3));
    settle().await;
    new.say(&note(3));
    settle().await;
    assert_eq!(heard.take(), [r#"{"n":1}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":3}"#]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn frames_in_flight_on_the_old_connection_are_still_told() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    socket.subscribe(["conv_ondemand:c1"]).unwrap();
    let heard = Notes::default();
    let inside = heard.clone();
    socket.on_any(move |event| inside.add(String::from_utf8_lossy(&event.payload))).detach();
    let mut old = connected(&socket, &mut server).await;
    old.expect("subscribe").await;
    old.say(&acked(&["conv_ondemand:c1"]));
    let mut new = server.plain().await;
    new.expect("subscribe").await;
    old.say(&note(7));
    settle().await;
    assert_eq!(heard.take(), [r#"{"n":7}"#]);
    new.say(&acked(&["conv_ondemand:c1"]));
    old.closed().await;
    socket.disconnect().await;
    no_tasks().await;
}
