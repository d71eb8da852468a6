//! `connect`: what counts as connected, what fails it, and that it works from every state.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent_support;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_support::{Notes, agent, mins, no_tasks, secs, settle, wire};
use bowline::{AgentError, AgentSocket, AgentState, BuildError, ConnectError, CredentialMode, TokenError};
use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;

#[test]
fn a_socket_is_built_without_a_runtime_and_refuses_what_is_no_url() {
    let socket = AgentSocket::builder("wss://gateway.example").token_provider("t").build().unwrap();
    assert_eq!(socket.state(), AgentState::Disconnected);
    assert!(matches!(AgentSocket::builder("gateway").build(), Err(BuildError::Url { .. })));
    assert!(matches!(AgentSocket::builder("ftp://g").build(), Err(BuildError::Scheme { .. })));
    let outside = socket.connect().now_or_never().unwrap();
    assert!(matches!(outside, Err(ConnectError::Other { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_url_without_a_path_means_the_root_and_the_token_travels_in_a_header() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let connecting = tokio::spawn({
        let socket = socket.clone();
        async move { socket.connect().await }
    });
    let attempt = server.dialled().await;
    assert_eq!(attempt.uri, "ws://gateway.test/");
    assert_eq!(attempt.authorization.as_deref(), Some("Bearer t0ken"));
    attempt.open().accept_plain();
    connecting.await.unwrap().unwrap();
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_of_the_plain_layer_gets_the_token_in_the_url_where_that_is_chosen() {
    let (wire, mut server) = wire();
    let socket = AgentSocket::builder("ws://gateway.test/x")
        .token_provider("t0ken")
        .credential(CredentialMode::UrlToken)
        .socket_factory(wire)
        .build()
        .unwrap();
    let (connected, attempt) = tokio::join!(socket.connect(), async {
        let attempt = server.dialled().await;
        let (uri, authorization) = (attempt.uri.clone(), attempt.authorization.clone());
        attempt.open().accept_plain();
        (uri, authorization)
    });
    connected.unwrap();
    assert_eq!(attempt, ("ws://gateway.test/x?token=t0ken".to_owned(), None));
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn connect_resolves_only_on_connection_accepted() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut connecting = Box::pin(socket.connect());
    assert!(connecting.as_mut().now_or_never().is_none());
    let mut peer = server.opened().await;
    peer.say(&json!({"action": "pong"}));
    peer.say(&json!({"type": "note", "payload": {}}));
    tokio::time::sleep(secs(14)).await;
    assert!(connecting.as_mut().now_or_never().is_none());
    assert_eq!(socket.state(), AgentState::Connecting);
    peer.accept_plain();
    connecting.await.unwrap();
    assert_eq!(socket.state(), AgentState::Connected);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn connect_never_resolves_by_a_timeout() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut connecting = Box::pin(socket.connect());
    assert!(connecting.as_mut().now_or_never().is_none());
    let start = Instant::now();
    let mut attempts = 0;
    let mut peers = Vec::new();
    while start.elapsed() < mins(60) {
        peers.push(server.opened().await);
        attempts += 1;
        assert!(connecting.as_mut().now_or_never().is_none());
    }
    assert!(attempts > 70, "each waits 15 s for its acceptance and at most 30 s for its turn: {attempts}");
    assert_eq!(server.open_sockets(), 1);
    peers.last_mut().unwrap().accept_plain();
    connecting.await.unwrap();
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn two_fast_connects_give_one_socket_and_both_resolve() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let (first, second, ()) = tokio::join!(socket.connect(), socket.connect(), async {
        let mut peer = server.opened().await;
        settle().await;
        assert_eq!(server.open_sockets(), 1);
        peer.accept_plain();
        assert!(server.is_quiet_for(mins(1)).await);
    });
    assert_eq!((first, second), (Ok(()), Ok(())));
    socket.connect().await.unwrap();
    assert_eq!(server.open_sockets(), 1);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_rejection_fails_connect_with_its_reason_and_ends_auto_reconnect() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let states = Notes::states(&socket);
    let told = Notes::default();
    let (rejections, errors) = (told.clone(), told.clone());
    socket.on_connection_rejected(move |rejected| rejections.add(&rejected.reason)).detach();
    socket
        .on_error(move |error| {
            if let AgentError::Ended(error) = error {
                errors.add(matches!(error, ConnectError::Rejected(_)));
            }
        })
        .detach();
    let (connected, ()) = tokio::join!(socket.connect(), async {
        let peer = server.opened().await;
        peer.reject("CONNECTION_LIMIT_EXCEEDED");
        peer.close(4503);
    });
    assert!(matches!(connected, Err(ConnectError::Rejected(r)) if r.reason == "CONNECTION_LIMIT_EXCEEDED"));
    assert_eq!(told.take(), ["CONNECTION_LIMIT_EXCEEDED", "true"]);
    assert_eq!(states.take(), ["connecting", "disconnected"]);
    assert!(server.is_quiet_for(mins(600)).await, "auto-reconnect is off");
    assert_eq!(server.open_sockets(), 0);
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_rejected_third_connection_connect_works_once_a_slot_is_free() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    for _ in 0..2 {
        let (connected, ()) = tokio::join!(socket.connect(), async {
            let peer = server.opened().await;
            peer.reject("CONNECTION_LIMIT_EXCEEDED");
            // A plain server closes with whatever code it likes.
            peer.close(1000);
        });
        assert!(matches!(connected, Err(ConnectError::Rejected(_))));
    }
    let (connected, _peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    assert_eq!(socket.state(), AgentState::Connected);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_of_the_rejection_may_connect_again() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let again = socket.clone();
    let rejection = socket.on_connection_rejected(move |_| {
        let again = again.clone();
        tokio::spawn(async move { again.connect().await });
    });
    let (connected, ()) = tokio::join!(socket.connect(), async {
        let peer = server.opened().await;
        peer.reject("CONNECTION_LIMIT_EXCEEDED");
        peer.close(4503);
    });
    assert!(matches!(connected, Err(ConnectError::Rejected(_))));
    let _peer = server.plain().await;
    settle().await;
    assert_eq!(socket.state(), AgentState::Connected);
    rejection.unsubscribe();
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn connect_works_again_from_every_state() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    // Before the first time, and while connecting.
    let (first, second, peer) = tokio::join!(socket.connect(), socket.connect(), server.plain());
    assert_eq!((first, second), (Ok(()), Ok(())));
    // Connected.
    socket.connect().await.unwrap();
    // Between attempts: the next one starts at once.
    peer.close(1001);
    settle().await;
    assert_eq!(socket.state(), AgentState::Disconnected);
    let start = Instant::now();
    let (connected, peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    assert_eq!(start.elapsed(), secs(0));
    // After `disconnect`, also when its closing handshake is still under way.
    drop(socket.disconnect());
    let (connected, next) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    settle().await;
    assert!(!peer.is_open() && next.is_open());
    // After the server's own end for good.
    next.close(4502);
    settle().await;
    assert!(server.is_quiet_for(mins(5)).await);
    let (connected, _peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connect_changes_nothing() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    assert!(socket.connect().now_or_never().is_none());
    let _peer = server.plain().await;
    settle().await;
    assert_eq!(socket.state(), AgentState::Connected);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn the_state_is_told_in_three_words_and_is_disconnected_between_attempts() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let states = Notes::states(&socket);
    let (connected, peer) = tokio::join!(socket.connect(), async {
        server.dialled().await.fail();
        server.plain().await
    });
    connected.unwrap();
    assert_eq!(states.take(), ["connecting", "disconnected", "connecting", "connected"]);
    peer.close(1006);
    let _peer = server.plain().await;
    settle().await;
    assert_eq!(states.take(), ["disconnected", "connecting", "connected"]);
    assert_eq!(socket.state().to_string(), "connected");
    socket.disconnect().await;
    assert_eq!(states.take(), ["disconnected"]);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_provider_that_fails_gives_a_typed_error_and_recovers() {
    let (wire, mut server) = wire();
    let asked = Arc::new(AtomicUsize::new(0));
    let provider = {
        let asked = asked.clone();
        move || {
            let n = asked.fetch_add(1, Ordering::SeqCst);
            async move { if n < 2 { Err(TokenError::temporary("the issuer is away")) } else { Ok("t".into()) } }
        }
    };
    let socket =
        AgentSocket::builder("ws://g.test").token_provider(provider).socket_factory(wire).build().unwrap();
    let (states, errors) = (Notes::states(&socket), Notes::default());
    let inside = errors.clone();
    socket
        .on_error(move |error| {
            if let AgentError::Lost { attempt, delay, cause } = error {
                inside.add(format!("{attempt} {} {cause}", delay.as_secs()));
            }
        })
        .detach();
    let (connected, _peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    assert_eq!(errors.take(), ["1 1 the issuer is away", "2 2 the issuer is away"]);
    let between = ["connecting", "disconnected"];
    assert_eq!(states.take(), [&between[..], &between, &["connecting", "connected"]].concat());
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_provider_that_hangs_is_asked_again_after_30_s() {
    let (wire, mut server) = wire();
    let asked = Arc::new(AtomicUsize::new(0));
    let provider = {
        let asked = asked.clone();
        move || {
            let n = asked.fetch_add(1, Ordering::SeqCst);
            async move { if n == 0 { pending().await } else { Ok("t".into()) } }
        }
    };
    let socket =
        AgentSocket::builder("ws://g.test").token_provider(provider).socket_factory(wire).build().unwrap();
    let start = Instant::now();
    let (connected, _peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    assert_eq!(start.elapsed(), secs(30 + 1));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_replaced_once_and_a_second_one_ends_it() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let told = Notes::default();
    let inside = told.clone();
    socket.on_connection_rejected(move |rejected| inside.add(&rejected.reason)).detach();
    // A server that upgrades and then rejects; then one that refuses the upgrade.
    let (connected, ()) = tokio::join!(socket.connect(), async {
        let peer = server.opened().await;
        peer.reject("UNAUTHORIZED");
        peer.close(4501);
        // An acceptance that is lost at once is one all the same.
        server.plain().await.close(4000);
    });
    connected.unwrap();
    let peer = server.plain().await;
    tokio::time::sleep(secs(11)).await;
    peer.close(4000);
    settle().await;
    let (connected, ()) = tokio::join!(socket.connect(), async {
        server.dialled().await.unauthorized();
        server.dialled().await.unauthorized();
    });
    assert_eq!(connected, Err(ConnectError::Unauthorized));
    assert_eq!(told.take(), ["UNAUTHORIZED"]);
    assert!(server.is_quiet_for(mins(60)).await);
    let (connected, _peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    socket.disconnect().await;
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn the_token_is_fresh_for_every_attempt_and_every_handover() {
    let (wire, mut server) = wire();
    let asked = Arc::new(AtomicUsize::new(0));
    let provider = move || {
        let n = asked.fetch_add(1, Ordering::SeqCst);
        async move { Ok(format!("t{n}")) }
    };
    let socket =
        AgentSocket::builder("ws://g.test").token_provider(provider).socket_factory(wire).build().unwrap();
    let mut seen = Vec::new();
    let mut peers = Vec::new();
    assert!(socket.connect().now_or_never().is_none());
    for _ in 0..4 {
        let attempt = server.dialled().await;
        seen.push(attempt.authorization.clone().unwrap());
        if seen.len() == 2 {
            attempt.fail();
        } else {
            let mut peer = attempt.open();
            peer.accept_plain();
            peers.push(peer);
            if seen.len() == 1 {
                peers[0].close(1006);
            }
        }
    }
    assert_eq!(seen, ["Bearer t0", "Bearer t1", "Bearer t2", "Bearer t3"]);
    socket.disconnect().await;
    no_tasks().await;
}
