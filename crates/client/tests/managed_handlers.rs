//! What handlers and streams of a managed socket hear, and what they may do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod managed_support;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline::{EmitterStream, ManagedSocket, SocketError, SocketOptions, SocketState, Subscription};
use futures_util::StreamExt;
use managed_support::{Notes, client, no_task_is_left, notes, open, until};
use serde_json::{Value, json};
use support::{event, soon};

fn seq(message: &bowline::MessageEvent) -> String {
    message.event().place.unwrap().seq.get().to_string()
}

#[tokio::test]
async fn a_message_is_the_frame_as_it_was_received_and_parses_as_json() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let texts = notes(socket.on_message(), |message| message.data().to_owned());
    let parsed =
        notes(socket.on_message(), |message| message.json::<Value>().unwrap()["payload"]["n"].to_string());
    let debug = notes(socket.on_message(), |message| format!("{message:?}"));
    peer.event(7, 0).await;
    assert_eq!(texts.until(1).await, [event(7, 0).to_string()]);
    assert_eq!(parsed.until(1).await, ["7"]);
    assert!(!debug.until(1).await[0].contains("payload\":"), "{:?}", debug.all());
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test]
async fn frames_that_steer_the_connection_are_not_shown() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let seqs = notes(socket.on_message(), seq);
    peer.say(&json!({"action": "pong", "seq": 5})).await;
    peer.say(&json!({"action": "topics", "added": ["conv:c9"], "removed": [], "seq": 6})).await;
    peer.say(&json!({"action": "from.the.future"})).await;
    peer.event(7, 0).await;
    assert_eq!(seqs.until(1).await, ["7"]);
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test]
async fn unsubscribing_stops_listening() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let heard = Notes::default();
    let into = heard.clone();
    let subscription = socket.on_message().subscribe(move |m| into.0.lock().unwrap().push(seq(m)));
    let others = notes(socket.on_message(), seq);
    peer.event(1, 0).await;
    others.until(1).await;
    subscription.unsubscribe();
    peer.event(2, 1).await;
    others.until(2).await;
    assert_eq!(heard.all(), ["1"]);

    // Dropping the guard is the same.
    let into = heard.clone();
    let subscription = socket.on_message().subscribe(move |m| into.0.lock().unwrap().push(seq(m)));
    drop(subscription);
    peer.event(3, 2).await;
    others.until(3).await;
    assert_eq!(heard.all(), ["1"]);
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test]
async fn every_emitter_has_the_same_interface() {
    let (client, mut pipes) = client();
    let (socket, peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let count = Arc::new(Mutex::new(0));
    let subscribe = |socket: &ManagedSocket| -> Vec<Subscription> {
        fn add<T>(count: &Arc<Mutex<u32>>) -> impl FnMut(&T) + Send + 'static {
            let count = count.clone();
            move |_| *count.lock().unwrap() += 1
        }
        vec![
            socket.on_message().subscribe(add(&count)),
            socket.on_state_change().subscribe(add(&count)),
            socket.on_reconnecting().subscribe(add(&count)),
            socket.on_error().subscribe(add(&count)),
            socket.on_gap().subscribe(add(&count)),
        ]
    };
    for subscription in subscribe(&socket) {
        subscription.unsubscribe();
    }
    let _streams = (
        socket.on_message().stream(),
        socket.on_state_change().stream(),
        socket.on_reconnecting().stream(),
        socket.on_error().stream(),
        socket.on_gap().stream(),
    );
    drop(peer);
    until(&socket, SocketState::Reconnecting).await;
    assert_eq!(*count.lock().unwrap(), 0);
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test]
async fn a_handler_may_close_the_socket() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let inside = socket.clone();
    socket.on_message().subscribe(move |_| inside.close()).detach();
    let states = notes(socket.on_state_change(), SocketState::to_string);
    peer.event(1, 0).await;
    assert_eq!(peer.closed().await, Some(1000));
    soon(socket.closed()).await;
    assert_eq!(states.all(), ["closing", "closed"]);
    no_task_is_left().await;
}

#[tokio::test]
async fn a_handler_may_destroy_the_socket_and_nothing_is_told_after_it() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let inside = socket.clone();
    socket.on_message().subscribe(move |_| inside.destroy()).detach();
    let behind = notes(socket.on_message(), seq);
    let states = notes(socket.on_state_change(), SocketState::to_string);
    peer.event(1, 0).await;
    assert_eq!(peer.closed().await, Some(1000));
    soon(socket.closed()).await;
    assert_eq!((behind.all().len(), states.all().len()), (0, 0));
    assert_eq!(socket.on_message().listener_count(), 0);
    no_task_is_left().await;
}

#[tokio::test]
async fn a_handler_may_unsubscribe_itself_and_another_and_subscribe_a_new_one() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let subscriptions = Arc::new(Mutex::new(Vec::new()));
    let heard = Notes::default();
    let (held, into, emitter) = (subscriptions.clone(), heard.clone(), socket.on_message().clone());
    let first = socket.on_message().subscribe(move |message| {
        into.0.lock().unwrap().push(format!("first {}", seq(message)));
        held.lock().unwrap().clear();
        let into = into.clone();
        emitter.subscribe(move |m| into.0.lock().unwrap().push(format!("new {}", seq(m)))).detach();
    });
    let into = heard.clone();
    let second = socket.on_message().subscribe(move |_| into.0.lock().unwrap().push("second".into()));
    subscriptions.lock().unwrap().extend([first, second]);
    let last = notes(socket.on_message(), seq);
    peer.event(1, 0).await;
    peer.event(2, 1).await;
    last.until(2).await;
    heard.until(2).await;
    assert_eq!(heard.all(), ["first 1", "new 2"]);
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test]
async fn a_handler_may_open_another_socket_and_send() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let (inside, sockets) = (socket.clone(), client.websocket().clone());
    let (opened, mut second) = tokio::sync::mpsc::channel(1);
    socket
        .on_message()
        .subscribe(move |_| {
            inside.send(r#"{"action":"own"}"#).unwrap();
            let (sockets, opened) = (sockets.clone(), opened.clone());
            tokio::spawn(async move {
                let second = sockets.connect_to_chat("second").await.unwrap();
                opened.send(second).await.unwrap();
            });
        })
        .detach();
    peer.event(1, 0).await;
    peer.expect("own").await;
    let second = soon(second.recv()).await.unwrap();
    assert_eq!(pipes.next().await.target(), "/chats/second");
    socket.destroy();
    assert_eq!(peer.closed().await, Some(1000));
    drop((socket, second, pipes));
    no_task_is_left().await;
}

#[tokio::test]
async fn a_panic_in_a_handler_is_contained_and_told_and_stops_nobody() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    socket.on_message().subscribe(|message| assert_ne!(seq(message), "1", "a bug in the handler")).detach();
    socket.on_error().subscribe(|_| panic!("a bug in the error's handler")).detach();
    let errors = notes(socket.on_error(), |error| match error {
        SocketError::HandlerPanicked(panic) => format!("{} {}", panic.emitter, panic.message),
        other => other.to_string(),
    });
    let seqs = notes(socket.on_message(), seq);
    peer.event(1, 0).await;
    peer.event(2, 1).await;
    assert_eq!(seqs.until(2).await, ["1", "2"]);
    let errors = errors.all();
    assert!(errors.len() == 1 && errors[0].starts_with("on_message "), "{errors:?}");
    assert!(errors[0].contains("a bug in the handler"), "{errors:?}");
    assert!(socket.is_open());
    assert!(matches!(socket.last_error(), Some(SocketError::HandlerPanicked(_))));
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test]
async fn emitters_are_streams_too_and_end_with_the_socket() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let mut messages = socket.on_message().stream();
    let states = socket.on_state_change().stream();
    peer.event(1, 0).await;
    peer.event(2, 1).await;
    assert_eq!(seq(&soon(messages.next()).await.unwrap()), "1");
    assert_eq!(seq(&soon(messages.next()).await.unwrap()), "2");
    socket.close();
    assert_eq!(peer.closed().await, Some(1000));
    assert!(soon(messages.next()).await.is_none());
    let states: Vec<SocketState> = soon(states.collect()).await;
    assert_eq!(states, [SocketState::Closing, SocketState::Closed]);
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test]
async fn a_stream_that_is_full_slows_the_server_and_loses_nothing() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new().receive_queue(64, 1 << 20);
    let (socket, mut peer) = open(&client, &mut pipes, options).await;
    let mut messages = socket.on_message().stream();
    let count = u64::try_from(EmitterStream::<()>::STREAM_ITEMS).unwrap() * 8;
    let sending = tokio::spawn(async move {
        for n in 1..=count {
            peer.event(n, n - 1).await;
        }
        peer
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!sending.is_finished(), "the server waits");
    for n in 1..=count {
        assert_eq!(seq(&soon(messages.next()).await.unwrap()), n.to_string());
    }
    let peer = soon(sending).await.unwrap();
    drop((socket, messages, peer));
    no_task_is_left().await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_does_not_hold_up_a_close() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let messages = socket.on_message().stream();
    let seqs = notes(socket.on_message(), seq);
    for n in 1..=2000 {
        peer.event(n, n - 1).await;
    }
    seqs.until(EmitterStream::<()>::STREAM_ITEMS).await;
    let closed = tokio::spawn(async move { peer.closed().await });
    socket.close();
    soon(socket.closed()).await;
    assert_eq!(soon(closed).await.unwrap(), Some(1000));
    drop((socket, messages));
    no_task_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_come_and_go_from_other_threads_while_messages_arrive() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    let seqs = notes(socket.on_message(), seq);
    let churning = socket.clone();
    let churn = tokio::task::spawn_blocking(move || {
        for _ in 0..20_000 {
            drop(churning.on_message().subscribe(|_| {}));
        }
    });
    for n in 1..=500 {
        peer.event(n, n - 1).await;
    }
    soon(churn).await.unwrap();
    let expected: Vec<String> = (1..=500).map(|n| n.to_string()).collect();
    assert_eq!(seqs.until(500).await, expected);
    drop((socket, peer));
    no_task_is_left().await;
}
