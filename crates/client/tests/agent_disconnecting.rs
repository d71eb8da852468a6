//! `disconnect`: final at any moment, and leaves neither a socket nor a task.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent_support;

use std::future::pending;

use agent_support::{Notes, Peer, Server, agent, mins, no_tasks, secs, settle, tasks, wire};
use bowline::{AgentSocket, AgentState, ConnectError};
use futures_util::FutureExt;
use serde_json::json;

/// Disconnects while `connect` waits; everything must be gone without time passing.
async fn disconnect_fails_connect(socket: &AgentSocket, server: &mut Server) {
    let mut connecting = Box::pin(socket.connect());
    assert!(connecting.as_mut().now_or_never().is_none());
    settle().await;
    let gone = socket.disconnect();
    assert_eq!(socket.state(), AgentState::Disconnected, "at once");
    assert_eq!(connecting.await, Err(ConnectError::Closed));
    gone.await;
    is_gone(socket, server).await;
}

async fn is_gone(socket: &AgentSocket, server: &mut Server) {
    no_tasks().await;
    assert_eq!(server.open_sockets(), 0);
    assert_eq!(socket.state(), AgentState::Disconnected);
    assert!(server.is_quiet_for(mins(300)).await, "nothing tries again");
    assert_eq!(tasks(), 0);
}

async fn connected(socket: &AgentSocket, server: &mut Server) -> Peer {
    let (connected, peer) = tokio::join!(socket.connect(), server.plain());
    connected.unwrap();
    peer
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_the_token() {
    let (wire, mut server) = wire();
    let socket = AgentSocket::builder("ws://g.test")
        .token_provider(|| async { pending().await })
        .socket_factory(wire)
        .build()
        .unwrap();
    disconnect_fails_connect(&socket, &mut server).await;
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_the_dial() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut connecting = Box::pin(socket.connect());
    assert!(connecting.as_mut().now_or_never().is_none());
    let attempt = server.dialled().await;
    socket.disconnect().await;
    assert_eq!(connecting.await, Err(ConnectError::Closed));
    assert!(attempt.is_given_up());
    is_gone(&socket, &mut server).await;
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_the_wait_for_the_acceptance() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let mut connecting = Box::pin(socket.connect());
    assert!(connecting.as_mut().now_or_never().is_none());
    let mut peer = server.opened().await;
    settle().await;
    socket.disconnect().await;
    assert_eq!(peer.closed().await, Some(1000));
    assert_eq!(connecting.await, Err(ConnectError::Closed));
    is_gone(&socket, &mut server).await;
}

#[tokio::test(start_paused = true)]
async fn while_connected() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let states = Notes::states(&socket);
    let mut peer = connected(&socket, &mut server).await;
    socket.disconnect().await;
    assert_eq!(peer.closed().await, Some(1000));
    assert_eq!(states.take(), ["connecting", "connected", "disconnected"]);
    is_gone(&socket, &mut server).await;
    assert_eq!(states.take().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_a_handover() {
    for step in ["token or dial", "accept", "overlap"] {
        let (agent, mut server) = agent();
        let socket = agent.proactive_reconnect(mins(1)).build().unwrap();
        let _peer = connected(&socket, &mut server).await;
        let attempt = server.dialled().await;
        let _successor = match step {
            "token or dial" => None,
            "accept" => Some(attempt.open()),
            _ => {
                let mut successor = attempt.open();
                successor.accept_plain();
                Some(successor)
            }
        };
        settle().await;
        socket.disconnect().await;
        no_tasks().await;
        assert_eq!(server.open_sockets(), 0, "{step}");
        assert!(server.is_quiet_for(mins(10)).await, "{step}");
    }
    no_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_the_backoff() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let peer = connected(&socket, &mut server).await;
    peer.close(1006);
    settle().await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    socket.disconnect().await;
    is_gone(&socket, &mut server).await;
}

#[tokio::test(start_paused = true)]
async fn by_a_handler_in_the_middle_of_a_burst_of_events() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let heard = Notes::default();
    let (inside, handle) = (heard.clone(), socket.clone());
    let subscription = socket.on_any(move |event| {
        inside.add(&event.kind);
        handle.disconnect();
    });
    let peer = connected(&socket, &mut server).await;
    for _ in 0..10 {
        peer.say(&json!({"type": "note", "payload": {}}));
    }
    settle().await;
    assert_eq!(heard.take(), ["note"], "nothing is told after `disconnect` returned");
    is_gone(&socket, &mut server).await;
    subscription.unsubscribe();
}

#[tokio::test(start_paused = true)]
async fn by_dropping_the_last_handle() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let states = Notes::states(&socket);
    let events = socket.events();
    let mut peer = connected(&socket, &mut server).await;
    let other = socket.clone();
    drop(socket);
    settle().await;
    assert!(peer.is_open());
    drop(other);
    assert_eq!(peer.closed().await, Some(1000));
    no_tasks().await;
    assert_eq!(states.take(), ["connecting", "connected", "disconnected"]);
    assert_eq!(futures_util::StreamExt::count(events).await, 0, "streams end with the socket");
}

#[tokio::test(start_paused = true)]
async fn again_and_again_it_leaves_nothing_and_every_call_is_answered() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    socket.disconnect().await;
    for _ in 0..50 {
        let _peer = connected(&socket, &mut server).await;
        drop(socket.disconnect());
        socket.disconnect().await;
    }
    is_gone(&socket, &mut server).await;
}

#[tokio::test(start_paused = true)]
async fn connect_and_disconnect_in_one_breath_leave_what_was_said_last() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    for _ in 0..100 {
        assert!(socket.connect().now_or_never().is_none());
        drop(socket.disconnect());
    }
    settle().await;
    no_tasks().await;
    let peer = connected(&socket, &mut server).await;
    tokio::time::sleep(secs(60)).await;
    assert!(peer.is_open());
    assert_eq!(server.open_sockets(), 1);
    socket.disconnect().await;
    no_tasks().await;
}

#[test]
fn a_runtime_that_shuts_down_takes_the_socket_with_it() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _peer = runtime.block_on(connected(&socket, &mut server));
    drop(runtime);
    assert_eq!(socket.state(), AgentState::Disconnected);
    assert_eq!(server.open_sockets(), 0);
    assert!(socket.disconnect().now_or_never().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn from_many_threads_at_once_everything_is_answered_and_nothing_is_left() {
    let (agent, mut server) = agent();
    let socket = agent.build().unwrap();
    // The server accepts whatever comes.
    let accepting = async {
        let mut peers = Vec::new();
        loop {
            peers.push(server.dialled().await.try_open_plain());
        }
    };
    let callers: Vec<_> = (0..8)
        .map(|n| {
            let socket = socket.clone();
            tokio::spawn(async move {
                for k in 0..100 {
                    match (n + k) % 3 {
                        0 => drop(socket.disconnect()),
                        1 => socket.disconnect().await,
                        _ => match socket.connect().await {
                            Ok(()) | Err(ConnectError::Closed) => {}
                            Err(error) => panic!("{error}"),
                        },
                    }
                }
            })
        })
        .collect();
    let all = async {
        for caller in callers {
            caller.await.unwrap();
        }
        socket.disconnect().await;
        while tasks() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = async { tokio::time::timeout(secs(60), all).await.expect("all calls are answered") } => {}
        () = accepting => {}
    }
    assert_eq!(server.open_sockets(), 0);
}
