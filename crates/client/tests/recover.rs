//! Lost links and planned handovers: every event once, in order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use bowline::{ConnectionState, Cursor, Incoming, Notice, Occasion, SavedPosition, Seq};
use futures_util::StreamExt;
use serde_json::json;
use support::{EPOCH, Server, event, next_event, next_notice, next_seqs, quick, soon, topic};

#[tokio::test]
async fn a_cut_link_is_resumed_behind_the_last_event() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).subscribe([topic("conv_ondemand:c1")]).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    assert_eq!(peer.target(), "/agent");
    peer.accept(10).await;
    peer.event(11, 0).await;
    peer.event(12, 11).await;
    assert_eq!(next_seqs(&mut events, 2).await, [11, 12]);
    drop(peer);
    for round in 0..3 {
        let mut peer = server.next().await;
        let resume = peer.accept_resume().await;
        let last = 12 + round;
        assert_eq!(resume["seq"], last);
        assert_eq!(resume["epoch"], EPOCH);
        assert_eq!(resume["sessionId"], "secret-session");
        assert_eq!(resume["topics"], json!(["conv_ondemand:c1"]));
        peer.event(last + 1, last).await;
        assert_eq!(next_seqs(&mut events, 1).await, [last + 1]);
    }
}

#[tokio::test]
async fn a_saved_position_is_where_a_new_process_goes_on() {
    let mut server = Server::start().await;
    let saved = SavedPosition {
        session_id: None,
        cursor: Some(Cursor { epoch: EPOCH.parse().unwrap(), seq: Seq::new(7).unwrap() }),
    };
    let connection = quick(server.url("/agent")).resume_from(saved.clone()).connect().unwrap();
    assert_eq!(connection.position(), saved);
    let mut events = connection.events();
    let mut peer = server.next().await;
    let resume = peer.accept_resume().await;
    assert_eq!(resume["seq"], 7);
    peer.event(9, 7).await;
    assert_eq!(next_seqs(&mut events, 1).await, [9]);
    assert_eq!(connection.position().cursor.unwrap().seq.get(), 9);
}

#[tokio::test]
async fn a_connection_that_has_seen_no_event_knows_its_position() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(10).await;
    for seq in [10, 17] {
        let moved = soon(async {
            loop {
                if let Incoming::Moved(cursor) = events.next().await.unwrap() {
                    return cursor;
                }
            }
        })
        .await;
        assert_eq!(moved.seq.get(), seq);
        assert_eq!(events.position().cursor, Some(moved));
        peer.say(&json!({"action": "pong", "seq": 17})).await;
    }
}

#[tokio::test]
async fn events_that_cannot_be_had_are_reported_in_their_place() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(10).await;
    peer.event(11, 0).await;
    let gap = json!({"action": "gap", "topic": "conv:c1", "after": 11, "before": 20, "reason": "retention"});
    peer.say(&gap).await;
    peer.event(20, 19).await;
    let mut order = Vec::new();
    while order.len() < 3 {
        match soon(events.next()).await.unwrap() {
            Incoming::Event(event) => order.push(event.place.unwrap().seq.get()),
            Incoming::Gap(gap) => {
                assert_eq!((gap.after.get(), gap.before.get()), (11, 20));
                order.push(0);
            }
            Incoming::Moved(_) | Incoming::Notice(_) => {}
        }
    }
    assert_eq!(order, [11, 0, 20]);
}

#[tokio::test]
async fn a_handover_is_not_noticed() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut old = server.next().await;
    old.accept(10).await;
    soon(connection.ready()).await.unwrap();
    old.event(11, 0).await;
    assert_eq!(next_seqs(&mut events, 1).await, [11]);
    let mut state = connection.state();
    state.mark_unchanged();

    connection.hand_over().unwrap();
    let mut new = server.next().await;
    let resume = new.expect("resume").await;
    assert_eq!(resume["seq"], 11);
    // Both deliver, the old one ahead; then the new one repeats and overtakes.
    old.event(12, 11).await;
    old.event(13, 12).await;
    assert_eq!(next_seqs(&mut events, 2).await, [12, 13]);
    new.say(&support::accepted(11, true)).await;
    for seq in 12..=15 {
        new.event(seq, seq - 1).await;
    }
    // What the old link still says after its successor was accepted is a copy.
    old.event(14, 13).await;
    assert_eq!(old.closed().await, Some(1000));
    new.event(16, 15).await;
    assert_eq!(next_seqs(&mut events, 3).await, [14, 15, 16]);
    assert!(!state.has_changed().unwrap());
    assert_eq!(*state.borrow(), ConnectionState::Connected);
}

#[tokio::test]
async fn a_failed_handover_keeps_the_link_and_is_tried_again() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut old = server.next().await;
    old.accept(10).await;
    soon(connection.ready()).await.unwrap();
    server.refuse_upgrade(503);
    connection.hand_over().unwrap();
    next_notice(&mut events, |notice| matches!(notice, Notice::HandoverFailed { .. }).then_some(())).await;
    old.event(11, 10).await;
    assert_eq!(next_seqs(&mut events, 1).await, [11]);
    let mut new = server.next().await;
    new.accept_resume().await;
    let handover = |notice: &Notice| match notice {
        Notice::Accepted { occasion, .. } => Some(*occasion),
        Notice::State(state) => panic!("the state changed to {state:?}"),
        _ => None,
    };
    assert_eq!(next_notice(&mut events, handover).await, Occasion::Handover);
    assert_eq!(old.closed().await, Some(1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_handovers_under_load_lose_and_double_nothing() {
    const EVENTS: u64 = 3_000;
    let mut server = Server::start().await;
    let connection =
        quick(server.url("/agent")).proactive_reconnect(Duration::from_millis(20)).connect().unwrap();
    let mut events = connection.events();
    let (stop, mut stopped) = tokio::sync::watch::channel(());
    // A gateway in small: a log that grows, and a task per socket that delivers it from its cursor.
    let (head, heads) = tokio::sync::watch::channel(0u64);
    let gateway = tokio::spawn(async move {
        let mut sockets = 0u32;
        loop {
            let mut peer = tokio::select! {
                peer = server.next() => peer,
                _ = stopped.changed() => return sockets,
            };
            sockets += 1;
            let mut heads = heads.clone();
            tokio::spawn(async move {
                let mut sent = if peer.target().contains("resume=1") {
                    peer.accept_resume().await["seq"].as_u64().unwrap()
                } else {
                    peer.accept(0).await;
                    0
                };
                loop {
                    let head = *heads.borrow_and_update();
                    while sent < head {
                        sent += 1;
                        let text = event(sent, sent - 1).to_string();
                        let message = tokio_tungstenite::tungstenite::Message::text(text);
                        if futures_util::SinkExt::send(&mut peer.socket, message).await.is_err() {
                            return;
                        }
                    }
                    tokio::select! {
                        changed = heads.changed() => if changed.is_err() { return },
                        message = peer.socket.next() => if !matches!(message, Some(Ok(_))) { return },
                    }
                }
            });
        }
    });
    let publisher = tokio::spawn(async move {
        for seq in 1..=EVENTS {
            head.send_replace(seq);
            if seq % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        head
    });
    let mut seen = Vec::new();
    while seen.len() < usize::try_from(EVENTS).unwrap() {
        seen.push(next_event(&mut events).await.place.unwrap().seq.get());
    }
    assert!(seen.iter().copied().eq(1..=EVENTS));
    let _head = publisher.await.unwrap();
    stop.send(()).unwrap();
    let sockets = gateway.await.unwrap();
    assert!(sockets > 3, "only {sockets} sockets: no handover took place");
}

#[tokio::test]
async fn a_code_above_4500_ends_the_connection() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut state = connection.state();
    let mut peer = server.next().await;
    peer.accept(1).await;
    soon(connection.ready()).await.unwrap();
    peer.close(4506).await;
    let state =
        soon(state.wait_for(|state| matches!(state, ConnectionState::Closed(_)))).await.unwrap().clone();
    assert_eq!(state, ConnectionState::Closed(bowline::CloseReason::Refused(bowline::CloseCode::SUPERSEDED)));
    assert!(server.is_quiet_for(Duration::from_millis(100)).await);
}

#[tokio::test]
async fn a_network_that_returns_is_tried_at_once() {
    let mut server = Server::start().await;
    server.refuse_upgrade(503);
    let day = Duration::from_secs(24 * 3600);
    let connection = bowline::Connection::builder(server.url("/agent"))
        .backoff(day, day)
        .jitter(bowline::Jitter::None)
        .connect()
        .unwrap();
    let mut events = connection.events();
    let waits = |notice: &Notice| match notice {
        Notice::Reconnecting { delay, .. } => Some(*delay),
        _ => None,
    };
    assert_eq!(next_notice(&mut events, waits).await, day);
    connection.network_returned();
    server.next().await.accept(0).await;
    soon(connection.ready()).await.unwrap();
}
