//! How managed sockets end: one, all of a client's, with their handles, in the middle of anything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod managed_support;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline::{SendError, SocketOptions, SocketState, TokenError};
use managed_support::{client, client_with, no_task_is_left, notes, open, until};
use serde_json::json;
use support::soon;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn close_is_graceful_and_no_reconnect_follows() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let states = notes(socket.on_state_change(), SocketState::to_string);
    socket.close();
    socket.close();
    assert_eq!(peer.closed().await, Some(1000));
    socket.closed().await;
    socket.close();
    assert_eq!(states.all(), ["closing", "closed"]);
    assert_eq!((socket.state(), socket.last_error()), (SocketState::Closed, None));
    assert!(pipes.are_quiet_for(HOUR).await);
    // Zero tasks, though there is a handle still.
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn destroy_closes_and_removes_all_listeners() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    // What a handler holds is freed at once.
    let held = Arc::new(());
    let inside = held.clone();
    socket.on_message().subscribe(move |_| drop(inside.clone())).detach();
    let states = notes(socket.on_state_change(), SocketState::to_string);
    socket.destroy();
    assert_eq!(Arc::strong_count(&held), 1);
    let late = notes(socket.on_state_change(), SocketState::to_string);
    assert_eq!(peer.closed().await, Some(1000));
    socket.closed().await;
    assert_eq!((states.all().len(), late.all().len()), (0, 0));
    assert!(pipes.are_quiet_for(HOUR).await);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn close_all_closes_everything_that_was_opened_and_the_count_says_so() {
    let (client, mut pipes) = client();
    let sockets = client.websocket();
    assert_eq!(sockets.connection_count(), 0);
    let (one, mut first) = open(&client, &mut pipes, SocketOptions::new()).await;
    let (two, mut second) = open(&client, &mut pipes, SocketOptions::new()).await;
    pipes.down(true);
    let three = sockets.connect_to_chat("t").await.unwrap();
    until(&three, SocketState::Reconnecting).await;
    assert_eq!(sockets.connection_count(), 3);
    two.close();
    assert_eq!(second.closed().await, Some(1000));
    two.closed().await;
    assert_eq!(sockets.connection_count(), 2);

    let peers = tokio::spawn(async move { first.closed().await });
    let states = notes(one.on_state_change(), SocketState::to_string);
    sockets.close_all().await;
    assert_eq!(states.all(), ["closing", "closed"], "told before close_all is over");
    assert_eq!((one.state(), three.state()), (SocketState::Closed, SocketState::Closed));
    assert_eq!(sockets.connection_count(), 0);
    assert_eq!(peers.await.unwrap(), Some(1000));
    sockets.close_all().await;
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_closes_the_socket() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let states = notes(socket.on_state_change(), SocketState::to_string);
    let copy = socket.clone();
    drop(socket);
    assert!(copy.is_open());
    drop(copy);
    assert_eq!(peer.closed().await, Some(1000));
    assert_eq!(states.until(2).await, ["closing", "closed"]);
    no_task_is_left().await;
    assert_eq!(client.websocket().connection_count(), 0);
    // A client outlives its sockets and sockets outlive their client.
    let (socket, peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    drop(client);
    assert!(socket.is_open());
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn close_in_the_middle_of_anything_leaves_no_task_and_no_dial() {
    // Of a token.
    let provider = || async { std::future::pending::<Result<String, TokenError>>().await };
    let (hanging, _pipes) = client_with(|builder| builder.token_provider(provider));
    let sockets = hanging.websocket().clone();
    let connecting = tokio::spawn(async move { sockets.connect_to_chat("t").await });
    while hanging.websocket().connection_count() == 0 {
        tokio::task::yield_now().await;
    }
    hanging.websocket().close_all().await;
    assert!(connecting.await.unwrap().is_err());
    no_task_is_left().await;

    // Of a dial.
    let (client, mut pipes) = client();
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    socket.close();
    socket.closed().await;
    no_task_is_left().await;

    // Before the accept.
    pipes.forget();
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    let mut peer = pipes.next().await;
    let peer = tokio::spawn(async move { peer.closed().await });
    socket.close();
    socket.closed().await;
    peer.await.unwrap();
    no_task_is_left().await;

    // Of the backoff.
    pipes.down(true);
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    until(&socket, SocketState::Reconnecting).await;
    socket.close();
    socket.closed().await;
    let dials = pipes.dials().len();
    no_task_is_left().await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(pipes.dials().len(), dials);
}

#[tokio::test(start_paused = true)]
async fn close_in_the_middle_of_a_handover_ends_both_links() {
    let (client, mut pipes) = client();
    let when = bowline::RenewAfter::Exactly(Duration::from_secs(10));
    let (socket, mut old) = open(&client, &mut pipes, SocketOptions::new().proactive_reconnect(when)).await;
    let mut new = pipes.next().await;
    new.expect("resume").await;
    let ends = tokio::spawn(async move { (old.closed().await, new.closed().await) });
    socket.close();
    socket.closed().await;
    assert_eq!(ends.await.unwrap().0, Some(1000));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_the_close_is_left_after_5_seconds() {
    let (client, mut pipes) = client();
    let (socket, peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let before = tokio::time::Instant::now();
    socket.close();
    assert_eq!(socket.state(), SocketState::Closing);
    socket.closed().await;
    assert_eq!(before.elapsed().as_secs(), 5);
    drop(peer);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_while_reconnecting_waits_in_order_and_a_full_queue_says_so() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new().send_queue(3, 1000);
    let (socket, peer) = open(&client, &mut pipes, options).await;
    peer.close(1012).await;
    until(&socket, SocketState::Reconnecting).await;
    let text = |n: u32| json!({"action": "own", "n": n}).to_string();
    for n in 0..3 {
        socket.send(text(n)).unwrap();
    }
    let refused = socket.send(text(3));
    let bytes = text(0).len() * 3;
    assert_eq!(refused, Err(SendError::QueueFull { messages: 3, bytes }));
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("3 messages") && words.contains("send_queue"), "{words}");
    let mut peer = pipes.next().await;
    peer.accept_resume().await;
    for n in 0..3 {
        assert_eq!(peer.expect("own").await["n"], n);
    }
    socket.send(text(4)).unwrap();
    assert_eq!(peer.expect("own").await["n"], 4);
    assert_eq!(
        soon(async {
            until(&socket, SocketState::Open).await;
            socket.close();
            socket.send("late")
        })
        .await,
        Err(SendError::Closed)
    );
    drop(peer);
    socket.closed().await;
    assert_eq!(socket.send("later"), Err(SendError::Closed));
    no_task_is_left().await;
}

/// A writer whose text the test reads.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_debug_trace_shows_states_and_frames_and_no_secret() {
    let paper = Paper::default();
    let (client, mut pipes) = client_with(|builder| builder.token_provider("hunter2"));
    let options = SocketOptions::new().debug(true).debug_to(paper.clone());
    let socket = client.websocket().connect("/notifications", options, "notifications").await.unwrap();
    let mut peer = pipes.next().await;
    peer.accept(6).await;
    until(&socket, SocketState::Open).await;
    peer.say(
        &json!({"type": "message.new", "topic": "conv:c1", "seq": 7, "prev": 0, "payload": {"p": "hunter3"}}),
    )
    .await;
    let seen = notes(socket.on_message(), |message| message.data().to_owned());
    seen.until(1).await;
    peer.close(1012).await;
    let mut peer = pipes.next().await;
    peer.accept_resume().await;
    until(&socket, SocketState::Open).await;
    socket.send(r#"{"action":"own","text":"hunter4"}"#).unwrap();
    peer.expect("own").await;
    socket.close();
    assert_eq!(peer.closed().await, Some(1000));
    socket.closed().await;
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "[bowline notifications +0.000s] state: connecting",
        "dialling in.memory/notifications",
        "<- {\"action\":\"connection.accepted\"",
        "state: open",
        "<- message.new conv:c1 seq 7 (",
        "<- close 1012",
        "state: reconnecting",
        "reconnect attempt 1",
        "-> {\"action\":\"resume\"",
        "-> own (",
        "-> close 1000",
        "state: closed",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    for secret in ["hunter", "secret-session"] {
        assert!(!text.contains(secret), "{secret} is in:\n{text}");
    }
    no_task_is_left().await;
}

#[test]
fn a_runtime_that_shuts_down_takes_the_socket_along() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, mut pipes) = client();
    let (socket, _peer) = runtime.block_on(open(&client, &mut pipes, SocketOptions::new()));
    drop(runtime);
    assert_eq!(socket.state(), SocketState::Closed);
    assert_eq!(socket.send("x"), Err(SendError::Closed));
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    other.block_on(async { soon(socket.closed()).await });
    assert_eq!(client.websocket().connection_count(), 0);
}
