//! The states of a managed socket, its attempts, and what they tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod managed_support;
mod support;

use std::time::Duration;

use bowline::{ConnectError, GapReason, Jitter, RenewAfter, SocketError, SocketOptions, SocketState};
use managed_support::{Pipes, client, client_with, no_task_is_left, notes, open, until};
use serde_json::{Value, json};
use support::soon;

/// A socket whose attempts all fail until it gives up: the seconds between its dials, the first one included.
async fn pauses_until_closed(options: SocketOptions) -> (Vec<u64>, Pipes) {
    let (client, pipes) = client();
    pipes.down(true);
    let socket = client.websocket().connect_to_chat_with("t", options).await.unwrap();
    socket.closed().await;
    assert_eq!(socket.state(), SocketState::Closed);
    let pauses = pipes.pauses().iter().map(|pause| pause.as_millis()).collect::<Vec<_>>();
    assert!(pauses.iter().all(|millis| millis % 1000 == 0), "exact to the millisecond: {pauses:?}");
    (pauses.iter().map(|millis| u64::try_from(millis / 1000).unwrap()).collect(), pipes)
}

#[tokio::test(start_paused = true)]
async fn the_states_are_told_in_order_under_their_five_words() {
    let (client, mut pipes) = client();
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    let states = notes(socket.on_state_change(), SocketState::to_string);
    assert_eq!((socket.state().as_str(), socket.is_open()), ("connecting", false));
    let mut peer = pipes.next().await;
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    assert!(socket.is_open());
    peer.close(1012).await;
    until(&socket, SocketState::Reconnecting).await;
    assert!(!socket.is_open());
    let mut peer = pipes.next().await;
    peer.accept_resume().await;
    until(&socket, SocketState::Open).await;
    let server = tokio::spawn(async move { peer.closed().await });
    socket.close();
    assert_eq!(socket.state(), SocketState::Closing);
    socket.closed().await;
    assert_eq!(states.all(), ["open", "reconnecting", "open", "closing", "closed"]);
    assert_eq!(server.await.unwrap(), Some(1000));
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn inside_a_handler_the_state_is_the_one_that_is_told() {
    let (client, mut pipes) = client();
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    let inside = socket.clone();
    let states = notes(socket.on_state_change(), move |state| {
        format!("{state} {} {}", inside.state(), inside.is_open())
    });
    let mut peer = pipes.next().await;
    peer.accept(0).await;
    peer.close(1012).await;
    assert_eq!(states.until(2).await, ["open open true", "reconnecting reconnecting false"]);
    // The handler holds a handle: the socket lives until it is closed.
    socket.destroy();
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn three_attempts_mean_exactly_three_after_1_2_and_4_seconds() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new().max_reconnect_attempts(3);
    let (socket, peer) = open(&client, &mut pipes, options).await;
    let attempts = notes(socket.on_reconnecting(), u32::to_string);
    let states = notes(socket.on_state_change(), SocketState::to_string);
    let started = tokio::time::Instant::now();
    let at = notes(socket.on_reconnecting(), move |_| started.elapsed().as_secs().to_string());
    pipes.down(true);
    peer.close(1012).await;
    socket.closed().await;
    // Each is told when it starts.
    assert_eq!(attempts.all(), ["1", "2", "3"]);
    assert_eq!(at.all(), ["1", "3", "7"]);
    assert_eq!(pipes.dials().len(), 1 + 3);
    assert_eq!(states.all(), ["reconnecting", "closed"]);
    let Some(SocketError::Ended(ConnectError::AttemptsExhausted { attempts: 3, .. })) = socket.last_error()
    else {
        panic!("{:?}", socket.last_error());
    };
    assert!(pipes.are_quiet_for(Duration::from_secs(3600)).await);
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn without_options_ten_attempts_follow_doubling_from_1_s_to_30_s() {
    let (pauses, _pipes) = pauses_until_closed(SocketOptions::new()).await;
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn the_reconnect_delay_is_the_first_pause_and_doubles() {
    let options = SocketOptions::new().max_reconnect_attempts(4);
    let (pauses, _pipes) = pauses_until_closed(options.clone().reconnect_delay(Duration::from_secs(3))).await;
    assert_eq!(pauses, [3, 6, 12, 24]);
    let (pauses, _pipes) = pauses_until_closed(options.reconnect_delay(Duration::from_secs(45))).await;
    assert_eq!(pauses, [45, 45, 45, 45]);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn zero_attempts_mean_for_ever() {
    let (client, mut pipes) = client();
    pipes.down(true);
    let options = SocketOptions::new().max_reconnect_attempts(0);
    let socket = client.websocket().connect_to_chat_with("t", options).await.unwrap();
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert!(pipes.dials().len() > 2800, "one every 30 s: {}", pipes.dials().len());
    assert_eq!(socket.state(), SocketState::Reconnecting);
    pipes.down(false);
    let mut peer = pipes.next().await;
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn jitter_spreads_the_pauses_when_asked_for() {
    let (client, pipes) = client();
    pipes.down(true);
    let options = SocketOptions::new().jitter(Jitter::Full).max_reconnect_attempts(8);
    let socket = client.websocket().connect_to_chat_with("t", options).await.unwrap();
    socket.closed().await;
    let pauses = pipes.pauses();
    let exact = [1, 2, 4, 8, 16, 30, 30, 30].map(Duration::from_secs);
    assert_ne!(pauses, exact);
    assert!(pauses.iter().zip(exact).all(|(pause, longest)| *pause <= longest), "{pauses:?}");
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn every_loss_and_failed_attempt_is_told_as_an_error_with_what_follows() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new().max_reconnect_attempts(2);
    let (socket, peer) = open(&client, &mut pipes, options).await;
    let errors = notes(socket.on_error(), |error| match error {
        SocketError::Interrupted { attempt, delay, cause } => format!("{attempt} {delay:?} {cause}"),
        other => other.to_string(),
    });
    pipes.down(true);
    peer.close(1012).await;
    socket.closed().await;
    let errors = errors.all();
    assert!(errors[0].starts_with("1 1s closed with 1012"), "{errors:?}");
    assert_eq!(errors[1], "2 2s the pipe is down");
    assert!(errors[2].starts_with("2 attempts failed, the last one with: the pipe is down"), "{errors:?}");
    assert_eq!(errors.len(), 3);
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_rejected_socket_closes_with_the_reason_and_does_not_come_back() {
    let (client, mut pipes) = client();
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    let mut peer = pipes.next().await;
    peer.say(
        &json!({"action": "connection.rejected", "reason": "CONNECTION_LIMIT_EXCEEDED", "message": "two"}),
    )
    .await;
    peer.close(4503).await;
    socket.closed().await;
    let error = socket.last_error();
    assert!(
        matches!(&error, Some(SocketError::Ended(ConnectError::Rejected(rejected)))
            if rejected.reason == "CONNECTION_LIMIT_EXCEEDED"),
        "{error:?}"
    );
    assert!(pipes.are_quiet_for(Duration::from_secs(3600)).await);
    assert_eq!(client.websocket().connection_count(), 0);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_handover_changes_no_state_and_loses_and_doubles_nothing() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new().proactive_reconnect(RenewAfter::Exactly(Duration::from_secs(10)));
    let (socket, mut old) = open(&client, &mut pipes, options).await;
    let states = notes(socket.on_state_change(), SocketState::to_string);
    let seqs = notes(socket.on_message(), |message| message.event().place.unwrap().seq.get().to_string());
    let errors = notes(socket.on_error(), ToString::to_string);
    for round in 0..5_u64 {
        let (first, second) = (round * 2 + 1, round * 2 + 2);
        old.event(first, first - 1).await;
        let mut new = pipes.next().await;
        let resumed = new.expect("resume").await;
        assert_eq!(resumed["seq"], first);
        new.say(&support::accepted(first, true)).await;
        // Both links bring the same event.
        old.event(second, first).await;
        new.event(second, first).await;
        assert_eq!(old.closed().await, Some(1000));
        old = new;
    }
    let expected: Vec<String> = (1..=10).map(|n| n.to_string()).collect();
    assert_eq!(seqs.until(10).await, expected);
    assert_eq!((states.all().len(), errors.all().len()), (0, 0), "{:?}", errors.all());
    drop((socket, old));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn without_options_a_link_is_renewed_before_two_hours() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let answering = tokio::spawn(async move {
        // Pings are answered on the way.
        peer.expect("never").await;
    });
    while pipes.dials().len() < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let minutes = pipes.pauses()[0].as_secs() / 60;
    assert!((104..=110).contains(&minutes), "{minutes}");
    socket.destroy();
    answering.abort();
    drop((socket, pipes));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_any_more_is_told_as_a_gap_in_its_place() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let told = notes(socket.on_message(), |message| message.event().place.unwrap().seq.get().to_string());
    let into = told.clone();
    socket
        .on_gap()
        .subscribe(move |gap| {
            assert_eq!(gap.reason, GapReason::Retention);
            let text = format!("{} {}..{}", gap.topic, gap.after.get(), gap.before.get());
            into.0.lock().unwrap().push(text);
        })
        .detach();
    peer.event(3, 0).await;
    peer.say(&json!({"action": "gap", "topic": "conv:c1", "after": 3, "before": 9, "reason": "retention"}))
        .await;
    peer.event(9, 8).await;
    assert_eq!(told.until(3).await, ["3", "conv:c1 3..9", "9"]);
    drop((socket, peer));

    // Also when both were there before anybody listened.
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    peer.event(3, 0).await;
    peer.say(&json!({"action": "gap", "topic": "conv:c1", "after": 3, "before": 9, "reason": "retention"}))
        .await;
    peer.event(9, 8).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let gaps = notes(socket.on_gap(), |gap| gap.before.get().to_string());
    let seqs = notes(socket.on_message(), |message| message.event().place.unwrap().seq.get().to_string());
    assert_eq!((seqs.until(2).await.len(), gaps.all()), (2, vec!["9".to_owned()]));
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_wakes_up_tries_at_once() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new().reconnect_delay(Duration::from_secs(3 * 3600));
    let (socket, peer) = open(&client, &mut pipes, options).await;
    peer.close(1012).await;
    until(&socket, SocketState::Reconnecting).await;
    let before = tokio::time::Instant::now();
    socket.network_returned();
    let mut peer = pipes.next().await;
    assert!(before.elapsed() < Duration::from_secs(1));
    peer.accept_resume().await;
    until(&socket, SocketState::Open).await;
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn sleeping_three_hours_means_reconnecting_on_wake() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    // The machine sleeps; the peer hears nothing and says nothing.
    tokio::time::advance(Duration::from_secs(3 * 3600)).await;
    let woke = tokio::time::Instant::now();
    let mut new = pipes.next().await;
    assert!(woke.elapsed() <= Duration::from_secs(6), "one ping without an answer: {:?}", woke.elapsed());
    assert_eq!(new.expect("resume").await["seq"], 0);
    new.say(&support::accepted(0, true)).await;
    until(&socket, SocketState::Open).await;
    drop(socket);
    let _ = soon(peer.closed()).await;
    drop((peer, new));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn on_a_plain_server_copies_in_a_handover_are_dropped_and_what_is_in_flight_still_comes() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new().proactive_reconnect(RenewAfter::Exactly(Duration::from_secs(10)));
    let socket = client.websocket().connect_to_chat_with("t", options).await.unwrap();
    let mut old = pipes.next().await;
    old.accept_plain().await;
    let seen = notes(socket.on_message(), |message| message.json::<Value>().unwrap()["payload"].to_string());
    until(&socket, SocketState::Open).await;
    let states = notes(socket.on_state_change(), SocketState::to_string);
    let say = |n: u32| json!({"type": "message.new", "payload": n});
    let mut new = pipes.next().await;
    new.accept_plain().await;
    new.say(&say(1)).await;
    seen.until(1).await;
    // The old link is read until its close frame.
    old.say(&say(1)).await;
    old.say(&say(2)).await;
    new.say(&say(2)).await;
    seen.until(2).await;
    assert_eq!(old.closed().await, Some(1000));
    new.say(&say(3)).await;
    // The same again on the one link that is left is no copy.
    new.say(&say(3)).await;
    assert_eq!(seen.until(4).await, ["1", "2", "3", "3"]);
    assert!(states.all().is_empty(), "{:?}", states.all());
    drop((socket, new));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_plain_server_that_only_accepts_is_enough() {
    let (client, mut pipes) = client_with(|builder| builder);
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    let mut peer = pipes.next().await;
    peer.accept_plain().await;
    until(&socket, SocketState::Open).await;
    let seen = notes(socket.on_message(), |message| message.data().to_owned());
    peer.say_text(r#"{ "type" : "message.new", "payload" : {"a": 1} }"#).await;
    assert_eq!(seen.until(1).await, [r#"{ "type" : "message.new", "payload" : {"a": 1} }"#]);
    drop((socket, peer));
    no_task_is_left().await;
}
