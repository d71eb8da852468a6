//! How managed sockets are opened: paths, labels, tickets, and what cannot be opened.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod managed_support;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowline::{
    BuildError, Client, OpenError, RenewAfter, SocketError, SocketOptions, SocketState, TicketError,
    TokenError,
};
use managed_support::{client, client_with, no_task_is_left, notes, open, until};
use support::{Peer, Server, soon};

/// What the gateway answers to a ticket request.
fn sold(ticket: &str) -> String {
    format!(r#"{{"ticket":"{ticket}","expiresAt":"2026-11-22T01:02:33Z","expiresIn":30}}"#)
}

/// A client of a real server, whose token counts up.
fn client_of(server: &Server) -> Client {
    let asked = AtomicUsize::new(0);
    let provider = move || {
        let n = asked.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok(format!("token-{n}")) }
    };
    let options = SocketOptions::new().reconnect_delay(Duration::from_millis(5));
    let url = format!("http://127.0.0.1:{}", server.port());
    Client::builder(url).token_provider(provider).socket_options(options).build().unwrap()
}

async fn ends(server: Server, peers: Vec<Peer>) {
    drop((server, peers));
    no_task_is_left().await;
}

#[tokio::test]
async fn a_chat_socket_opens_with_a_ticket_that_was_fetched_for_it() {
    let mut server = Server::start().await;
    server.answer_ticket(201, &sold("tick-1"));
    let client = client_of(&server);
    let socket = soon(client.websocket().connect_to_chat("thread-1")).await.unwrap();
    assert_eq!((socket.state(), socket.is_open()), (SocketState::Connecting, false));
    let mut peer = server.next().await;
    assert_eq!((peer.target(), peer.authorization()), ("/chats/thread-1", Some("Ticket tick-1")));
    let request = server.seen()[0].to_lowercase();
    assert!(request.starts_with("post /v1/tickets "), "{request}");
    assert!(request.contains("authorization: bearer token-1"), "{request}");
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    assert!(socket.is_open());
    assert_eq!(socket.label(), "/chats/thread-1");
    drop(socket);
    assert_eq!(peer.closed().await, Some(1000));
    ends(server, vec![peer]).await;
}

#[tokio::test]
async fn each_attempt_and_each_handover_has_a_ticket_and_a_token_of_its_own() {
    let mut server = Server::start().await;
    for n in 1..=3 {
        server.answer_ticket(201, &sold(&format!("tick-{n}")));
    }
    let client = client_of(&server);
    let options = SocketOptions::new()
        .reconnect_delay(Duration::from_millis(5))
        .proactive_reconnect(RenewAfter::Exactly(Duration::from_millis(300)));
    let socket = soon(client.websocket().connect_to_chat_with("t", options)).await.unwrap();
    let mut first = server.next().await;
    assert_eq!(first.authorization(), Some("Ticket tick-1"));
    first.accept(0).await;
    until(&socket, SocketState::Open).await;
    first.close(1012).await;
    let mut second = server.next().await;
    assert_eq!(second.authorization(), Some("Ticket tick-2"));
    second.accept_resume().await;
    // 300 ms later the link is renewed.
    let mut third = server.next().await;
    assert_eq!(third.authorization(), Some("Ticket tick-3"));
    assert!([&second, &third].iter().all(|peer| !peer.target().contains("tick")));
    let tokens: Vec<bool> = (1..=3)
        .map(|n| server.seen().iter().any(|head| head.to_lowercase().contains(&format!("bearer token-{n}"))))
        .collect();
    assert_eq!(tokens, [true; 3]);
    third.accept_resume().await;
    socket.destroy();
    assert_eq!((second.closed().await, third.closed().await), (Some(1000), Some(1000)));
    soon(socket.closed()).await;
    ends(server, vec![second, third]).await;
}

#[tokio::test(start_paused = true)]
async fn a_transcript_socket_has_the_workspace_and_the_transcript_in_its_path() {
    let (client, mut pipes) = client();
    let sockets = client.websocket();
    let socket = soon(sockets.connect_to_transcript("w1", "t1")).await.unwrap();
    let mut peer = pipes.next().await;
    assert_eq!(peer.target(), "/workspaces/w1/transcripts/t1");
    peer.accept(0).await;
    let seen = notes(socket.on_message(), |message| message.data().to_owned());
    peer.event(1, 0).await;
    assert_eq!(seen.until(1).await.len(), 1);

    let options = SocketOptions::new().max_reconnect_attempts(1);
    let other = soon(sockets.connect_to_transcript_with("w 1", "t/1", options)).await.unwrap();
    assert_eq!(pipes.next().await.target(), "/workspaces/w%201/transcripts/t%2F1");
    drop((socket, other, peer, pipes));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn any_path_opens_under_a_label_with_and_without_options() {
    let (client, mut pipes) = client();
    let options = SocketOptions::new();
    let socket = soon(client.websocket().connect("/notifications", options, "notifications")).await.unwrap();
    let mut peer = pipes.next().await;
    assert_eq!((peer.target(), socket.label()), ("/notifications", "notifications"));
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    // With the same guarantees: it comes back by itself and goes on.
    peer.close(1012).await;
    until(&socket, SocketState::Reconnecting).await;
    let mut peer = pipes.next().await;
    peer.accept_resume().await;
    until(&socket, SocketState::Open).await;
    // Or with the client's own options.
    let other = soon(client.websocket().connect("elsewhere", None, "other")).await.unwrap();
    let mut third = pipes.next().await;
    assert_eq!((third.target(), other.label()), ("/elsewhere", "other"));
    third.accept(0).await;
    until(&other, SocketState::Open).await;
    drop((socket, other, peer, third));
    no_task_is_left().await;
}

#[tokio::test]
async fn an_id_cannot_leave_its_place_in_the_path() {
    let (client, mut pipes) = client();
    let socket = soon(client.websocket().connect_to_chat("../a?b#c")).await.unwrap();
    assert_eq!(pipes.next().await.target(), "/chats/..%2Fa%3Fb%23c");
    let error = soon(client.websocket().connect_to_chat("..")).await.unwrap_err();
    assert!(matches!(error, OpenError::Ticket(TicketError::Path { .. })), "{error:?}");
    drop(socket);
    no_task_is_left().await;
}

#[tokio::test]
async fn a_ticket_may_be_bought_for_a_socket_of_ones_own() {
    let server = Server::start().await;
    server.answer_ticket(401, "");
    server.answer_ticket(201, &sold("hunter2"));
    let client = client_of(&server);
    let ticket = soon(client.websocket().get_ticket("/notifications")).await.unwrap();
    assert_eq!((ticket.reveal(), ticket.expires_in()), ("hunter2", Some(Duration::from_secs(30))));
    assert!(!format!("{ticket:?}").contains("hunter2"));
    assert_eq!(server.seen().len(), 2, "a token that is not accepted is replaced once");

    for (status, expected) in
        [(403, "Forbidden"), (404, "Refused"), (503, "Temporary"), (429, "Temporary"), (418, "Refused")]
    {
        server.answer_ticket(status, "");
        let error = soon(client.websocket().get_ticket("/x")).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{status}: {error:?}");
    }
    let nobody = Client::builder("http://127.0.0.1:1").build().unwrap();
    let error = soon(nobody.websocket().get_ticket("/x")).await.unwrap_err();
    assert!(matches!(error, TicketError::NoToken { .. }), "{error:?}");
    ends(server, vec![]).await;
}

#[tokio::test]
async fn a_ticket_that_cannot_be_had_for_good_fails_the_connect_with_its_reason() {
    let server = Server::start().await;
    let client = client_of(&server);
    for (statuses, expected) in
        [(&[401, 401][..], "Unauthorized"), (&[403], "Forbidden"), (&[404], "Refused")]
    {
        for status in statuses {
            server.answer_ticket(*status, "");
        }
        let error = soon(client.websocket().connect_to_chat("t")).await.unwrap_err();
        let OpenError::Ticket(error) = error else { panic!("{error:?}") };
        assert!(format!("{error:?}").starts_with(expected), "{statuses:?}: {error:?}");
    }
    let refused = || async { Err::<String, _>(TokenError::refused("signed out")) };
    let client = Client::builder(server.url("/")).token_provider(refused).build().unwrap();
    let error = soon(client.websocket().connect_to_chat("t")).await.unwrap_err();
    assert_eq!(error, OpenError::Ticket(TicketError::NoToken { message: "signed out".into() }));
    assert_eq!(client.websocket().connection_count(), 0);
    ends(server, vec![]).await;
}

#[tokio::test]
async fn an_expired_token_is_replaced_by_a_fresh_one_and_the_socket_opens() {
    let mut server = Server::start().await;
    server.answer_ticket(401, "");
    server.answer_ticket(201, &sold("tick"));
    let client = client_of(&server);
    let socket = soon(client.websocket().connect_to_chat("t")).await.unwrap();
    let mut peer = server.next().await;
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    assert!(server.seen()[1].to_lowercase().contains("bearer token-2"));
    drop(socket);
    assert_eq!(peer.closed().await, Some(1000));
    ends(server, vec![peer]).await;
}

#[tokio::test]
async fn a_ticket_that_cannot_be_had_now_gives_a_socket_that_keeps_trying() {
    let mut server = Server::start().await;
    server.answer_ticket(503, "");
    server.answer_ticket(201, &sold("tick"));
    let client = client_of(&server);
    let socket = soon(client.websocket().connect_to_chat("t")).await.unwrap();
    assert!(matches!(socket.last_error(), None | Some(SocketError::Interrupted { attempt: 1, .. })));
    let mut peer = server.next().await;
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    drop(socket);
    assert_eq!(peer.closed().await, Some(1000));
    ends(server, vec![peer]).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_provider_that_hangs_or_fails_is_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let provider = move || {
        let n = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            match n {
                0 => std::future::pending().await,
                1 => Err(TokenError::temporary("the issuer restarts")),
                _ => Ok("token".to_owned()),
            }
        }
    };
    let (client, mut pipes) = client_with(|builder| builder.token_provider(provider));
    let started = tokio::time::Instant::now();
    // 30 s for the hanging provider; then the socket is there and goes on by itself.
    let socket = client.websocket().connect_to_chat("t").await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!(socket.state(), SocketState::Reconnecting);
    let errors = notes(socket.on_error(), |error| error.to_string());
    let mut peer = pipes.next().await;
    assert_eq!(started.elapsed().as_secs(), 33, "delays of 1 s and 2 s");
    peer.accept(0).await;
    until(&socket, SocketState::Open).await;
    assert!(errors.all().iter().any(|error| error.contains("the issuer restarts")), "{:?}", errors.all());
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    drop((socket, peer));
    no_task_is_left().await;
}

#[tokio::test]
async fn a_connect_that_is_given_up_leaves_nothing_behind() {
    let provider = || async { std::future::pending::<Result<String, TokenError>>().await };
    let (client, _pipes) = client_with(|builder| builder.token_provider(provider));
    let connecting = client.websocket().connect_to_chat("t");
    assert!(tokio::time::timeout(Duration::from_millis(20), connecting).await.is_err());
    no_task_is_left().await;
    assert_eq!(client.websocket().connection_count(), 0);
}

#[tokio::test]
async fn closing_all_ends_a_connect_that_is_under_way() {
    let provider = || async { std::future::pending::<Result<String, TokenError>>().await };
    let (client, _pipes) = client_with(|builder| builder.token_provider(provider));
    let sockets = client.websocket().clone();
    let connecting = tokio::spawn(async move { sockets.connect_to_chat("t").await.map(drop) });
    while client.websocket().connection_count() == 0 {
        tokio::task::yield_now().await;
    }
    soon(client.websocket().close_all()).await;
    let error = soon(connecting).await.unwrap().unwrap_err();
    assert_eq!(error, OpenError::Connect(bowline::ConnectError::Closed));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_before_the_first_listener_wait_for_it() {
    let (client, mut pipes) = client();
    let (socket, mut peer) = open(&client, &mut pipes, SocketOptions::new()).await;
    for n in 1..=1030 {
        peer.event(n, n - 1).await;
    }
    // The state is told though the messages wait.
    peer.close(1012).await;
    until(&socket, SocketState::Reconnecting).await;
    let mut peer = pipes.next().await;
    peer.accept_resume().await;
    let seqs = notes(socket.on_message(), |message| message.event().place.unwrap().seq.get().to_string());
    let held = seqs.until(1024).await;
    assert_eq!((held[0].as_str(), held[1023].as_str()), ("7", "1030"), "the newest 1024 of them");
    peer.event(1031, 1030).await;
    assert_eq!(seqs.until(1025).await[1024], "1031");
    drop((socket, peer));
    no_task_is_left().await;
}

#[test]
fn what_cannot_be_a_client_is_said_at_once_and_without_a_runtime() {
    assert!(matches!(Client::builder("ftp://h").build(), Err(BuildError::Scheme { .. })));
    assert!(matches!(Client::builder("http://h/path").build(), Err(BuildError::Url { .. })));
    let client = Client::builder("http://h").token_provider("hunter2").build().unwrap();
    assert!(!format!("{client:?}").contains("hunter2"));
    let connecting = client.websocket().connect_to_chat("t");
    let outside = futures_util::FutureExt::now_or_never(connecting).unwrap().map(drop);
    assert_eq!(outside, Err(OpenError::Build(BuildError::NoRuntime)));
}
