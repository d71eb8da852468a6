//! An application that does not keep up slows the server down and loses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bowline::{CommandError, Incoming};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use support::{Server, next_seqs, quick, soon};
use tokio_tungstenite::tungstenite::Message;

/// More than the kernel's socket buffers and the queue hold together.
const EVENTS: u64 = 2_000;
const PAYLOAD: usize = 16 * 1024;

#[tokio::test]
async fn a_full_queue_stops_the_server_and_loses_nothing() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).queue(64, 1 << 20).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(0).await;
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    let sending = tokio::spawn(async move {
        let filler = "x".repeat(PAYLOAD);
        for seq in 1..=EVENTS {
            let mut event = support::event(seq, seq - 1);
            event["payload"] = json!(filler);
            peer.socket.send(Message::text(event.to_string())).await.unwrap();
            count.store(seq, Ordering::SeqCst);
        }
        peer
    });
    // The server comes to a halt.
    let halted = loop {
        let before = sent.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let after = sent.load(Ordering::SeqCst);
        if after > 0 && before == after {
            break after;
        }
    };
    assert!(halted < EVENTS, "everything was taken although nobody read");
    // And goes on when the application does.
    let seqs = next_seqs(&mut events, usize::try_from(EVENTS).unwrap()).await;
    assert!(seqs.iter().copied().eq(1..=EVENTS));
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn a_closing_connection_does_not_wait_for_a_reader() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).queue(8, 1 << 20).connect().unwrap();
    let _unread = connection.events();
    let mut peer = server.next().await;
    peer.accept(0).await;
    for seq in 1..=100 {
        peer.event(seq, seq - 1).await;
    }
    soon(connection.ready()).await.unwrap();
    let closing = tokio::spawn(async move { peer.closed().await });
    tokio::time::timeout(Duration::from_secs(3), connection.close()).await.expect("the close is not held up");
    assert_eq!(closing.await.unwrap(), Some(1000));
}

#[tokio::test]
async fn a_socket_that_takes_nothing_refuses_more() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).unsent(64, 1 << 20).connect().unwrap();
    let mut peer = server.next().await;
    peer.accept(0).await;
    soon(connection.ready()).await.unwrap();
    let text = json!({"action": "own", "filler": "x".repeat(100_000)}).to_string();
    // The server does not read: first the kernel takes it, then the queue, then nobody.
    let mut accepted = 0;
    let refusal = loop {
        match connection.send(text.clone()) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1_000, "nothing bounds what may wait");
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert!(matches!(refusal, CommandError::OutboxFull { .. }), "{refusal:?}");
    // Every message that was taken arrives.
    for _ in 0..accepted {
        peer.expect("own").await;
    }
    connection.send(json!({"action": "own", "last": true}).to_string()).unwrap();
    assert_eq!(peer.expect("own").await["last"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_streams_share_the_items() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).queue(16, 1 << 20).connect().unwrap();
    let mut peer = server.next().await;
    peer.accept(0).await;
    let mut takers = Vec::new();
    for _ in 0..3 {
        let mut events = connection.events().only_events();
        takers.push(tokio::spawn(async move {
            let mut seqs = Vec::new();
            while let Some(event) = events.next().await {
                seqs.push(event.place.unwrap().seq.get());
                tokio::task::yield_now().await;
            }
            seqs
        }));
    }
    for seq in 1..=500 {
        peer.event(seq, seq - 1).await;
    }
    let cursor = || connection.position().cursor.map(|cursor| cursor.seq.get());
    soon(async {
        while cursor() != Some(500) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    drop(connection);
    assert_eq!(peer.closed().await, Some(1000));
    let mut all = Vec::new();
    for taker in takers {
        all.extend(soon(taker).await.unwrap());
    }
    all.sort_unstable();
    assert!(all.iter().copied().eq(1..=500));
}

#[tokio::test]
async fn a_burst_wakes_the_application_a_few_times_and_not_once_per_event() {
    const BURST: u64 = 2_000;
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(0).await;
    soon(connection.ready()).await.unwrap();
    for seq in 1..=BURST {
        let text = support::event(seq, seq - 1).to_string();
        peer.socket.feed(Message::text(text)).await.unwrap();
    }
    let sending = tokio::spawn(async move {
        peer.socket.flush().await.unwrap();
        peer
    });
    let (mut taken, mut wakes) = (0, 0);
    soon(std::future::poll_fn(|cx| {
        wakes += 1;
        while let Poll::Ready(item) = events.poll_next_unpin(cx) {
            if let Incoming::Event(_) = item.expect("the connection is open") {
                taken += 1;
            }
        }
        if taken == BURST { Poll::Ready(()) } else { Poll::Pending }
    }))
    .await;
    assert!(wakes < BURST / 10, "{wakes} wake-ups for {BURST} events");
    drop(sending.await.unwrap());
}
