//! From `connect` to the first events: credentials, refusals, bad frames.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowline::{
    BuildError, ConnectError, Connection, ConnectionState, CredentialMode, Incoming, Notice, TokenError,
};
use futures_util::StreamExt;
use serde_json::json;
use support::{Server, next_event, next_notice, next_seqs, quick, soon, topic};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn it_connects_with_a_bearer_token_and_hands_out_events() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).token("t0ken").connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    assert_eq!(peer.target(), "/agent");
    assert_eq!(peer.authorization(), Some("Bearer t0ken"));
    assert_eq!(*connection.state().borrow(), ConnectionState::Connecting);
    peer.accept(10).await;
    soon(connection.ready()).await.unwrap();
    assert_eq!(*connection.state().borrow(), ConnectionState::Connected);
    peer.event(11, 3).await;
    peer.event(15, 11).await;
    assert_eq!(next_seqs(&mut events, 2).await, [11, 15]);
    assert_eq!(connection.position().cursor.unwrap().seq.get(), 15);
    assert_eq!(connection.position().session_id.unwrap().reveal(), "secret-session");
}

#[tokio::test]
async fn a_plain_server_is_enough() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/?v=1"))
        .token("a b&c")
        .credential(CredentialMode::UrlToken)
        .subscribe([topic("conv_ondemand:c1")])
        .connect()
        .unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    assert_eq!(peer.target(), "/?v=1&token=a+b%26c");
    assert_eq!(peer.authorization(), None);
    peer.accept_plain().await;
    assert_eq!(peer.expect("subscribe").await["topics"], json!(["conv_ondemand:c1"]));
    peer.say(&json!({"type": "message.new", "payload": {"text": "hello"}})).await;
    let event = next_event(&mut events).await;
    assert_eq!((&*event.kind, &event.payload[..]), ("message.new", &br#"{"text":"hello"}"#[..]));
    assert_eq!(connection.position().cursor, None);
}

#[tokio::test]
async fn the_position_moves_when_an_event_is_taken() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(10).await;
    peer.event(11, 0).await;
    peer.event(12, 11).await;
    peer.event(13, 12).await;
    let seq = |position: bowline::SavedPosition| position.cursor.map(|cursor| cursor.seq.get());
    assert_eq!(next_event(&mut events).await.place.unwrap().seq.get(), 11);
    assert_eq!(seq(events.position()), Some(11));
    // The others have long arrived; only taking them counts.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(seq(connection.position()), Some(11));
    assert_eq!(next_event(&mut events).await.place.unwrap().seq.get(), 12);
    assert_eq!(seq(connection.position()), Some(12));
}

#[tokio::test]
async fn a_failing_token_provider_is_asked_again() {
    let mut server = Server::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let provider = move || {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        async move { if nth < 2 { Err(TokenError::temporary("later")) } else { Ok("third".to_owned()) } }
    };
    let connection = quick(server.url("/agent")).token(provider).connect().unwrap();
    let mut peer = server.next().await;
    assert_eq!(peer.authorization(), Some("Bearer third"));
    peer.accept(1).await;
    soon(connection.ready()).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_provider_that_refuses_ends_the_connection() {
    let server = Server::start().await;
    let refuses = || async { Err::<String, _>(TokenError::refused("signed out")) };
    let connection = quick(server.url("/agent")).token(refuses).connect().unwrap();
    let error = soon(connection.ready()).await.unwrap_err();
    assert_eq!(error, ConnectError::NoCredential { message: "signed out".into() });
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn two_refused_tokens_in_a_row_end_the_connection() {
    let mut server = Server::start().await;
    server.refuse_upgrade(401);
    server.refuse_upgrade(401);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let provider = move || {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        async move { Ok(format!("t{nth}")) }
    };
    let connection = quick(server.url("/agent")).token(provider).connect().unwrap();
    assert_eq!(soon(connection.ready()).await, Err(ConnectError::Unauthorized));
    assert!(server.is_quiet_for(Duration::from_millis(100)).await);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(server.seen()[0].contains("Bearer t0") && server.seen()[1].contains("Bearer t1"));
}

#[tokio::test]
async fn a_status_that_may_pass_is_tried_again_and_a_404_is_not() {
    let mut server = Server::start().await;
    server.refuse_upgrade(503);
    let connection = quick(server.url("/agent")).connect().unwrap();
    server.next().await.accept(1).await;
    soon(connection.ready()).await.unwrap();

    server.refuse_upgrade(404);
    let connection = quick(server.url("/nowhere")).connect().unwrap();
    let error = soon(connection.ready()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Unreachable { message } if message.contains("404")), "{error}");
}

#[tokio::test]
async fn each_attempt_buys_a_ticket_of_its_own() {
    let mut server = Server::start().await;
    server.answer_ticket(503, "");
    server.answer_ticket(201, r#"{"ticket":"first/1","expiresAt":"2026-11-22T00:00:00Z","expiresIn":30}"#);
    server.answer_ticket(201, r#"{"ticket":"second"}"#);
    let connection = quick(server.url("/chats/thread-1"))
        .token("t0ken")
        .credential(CredentialMode::Ticket)
        .connect()
        .unwrap();
    let mut peer = server.next().await;
    assert_eq!((peer.target(), peer.authorization()), ("/chats/thread-1", Some("Ticket first/1")));
    peer.accept(5).await;
    soon(connection.ready()).await.unwrap();
    peer.close(4003).await;
    let mut peer = server.next().await;
    assert_eq!((peer.target(), peer.authorization()), ("/chats/thread-1?resume=1", Some("Ticket second")));
    peer.accept_resume().await;
    let sold: Vec<_> = server.seen().into_iter().filter(|head| head.starts_with("POST")).collect();
    assert_eq!(sold.len(), 3);
    assert!(sold.iter().all(|head| head.to_lowercase().contains("authorization: bearer t0ken")));
}

#[tokio::test]
async fn a_ticket_goes_into_the_url_where_that_is_asked_for() {
    let mut server = Server::start().await;
    server.answer_ticket(201, r#"{"ticket":"first/1"}"#);
    let _connection =
        quick(server.url("/agent")).token("t").credential(CredentialMode::UrlTicket).connect().unwrap();
    let peer = server.next().await;
    assert_eq!((peer.target(), peer.authorization()), ("/agent?ticket=first%2F1", None));
}

#[tokio::test]
async fn a_ticket_refused_with_401_asks_for_one_more_token() {
    let server = Server::start().await;
    server.answer_ticket(401, "");
    server.answer_ticket(401, "");
    let builder = quick(server.url("/agent")).token("t").credential(CredentialMode::Ticket);
    let connection = builder.connect().unwrap();
    assert_eq!(soon(connection.ready()).await, Err(ConnectError::Unauthorized));
    assert_eq!(server.seen().len(), 2);

    // The server that sells none says so.
    let builder = quick(server.url("/agent")).token("t").credential(CredentialMode::Ticket);
    let error = soon(builder.connect().unwrap().ready()).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Unreachable { message } if message.contains("no tickets")),
        "{error}"
    );
}

#[tokio::test]
async fn a_rejected_connection_says_why_and_may_be_asked_again() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    let reason = "CONNECTION_LIMIT_EXCEEDED";
    peer.say(&json!({"action": "connection.rejected", "reason": reason, "message": "two are open"})).await;
    peer.close(4503).await;
    let error = soon(connection.ready()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Rejected(rejected) if rejected.reason == reason), "{error}");
    // The stream ends behind its news, and goes on when the connection does.
    while let Some(item) = soon(events.next()).await {
        assert!(matches!(item, Incoming::Notice(_)), "{item:?}");
    }
    connection.connect_again().unwrap();
    server.next().await.accept(1).await;
    soon(connection.ready()).await.unwrap();
    assert!(soon(events.next()).await.is_some());
}

/// What no version of the protocol sends.
const BAD_FRAMES: [&str; 6] = ["", "{", "[]", "null", "{\"action\":7}", "\u{0}"];

#[tokio::test]
async fn frames_of_a_plain_server_that_cannot_be_decoded_do_no_harm() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept_plain().await;
    for bad in BAD_FRAMES {
        peer.say_text(bad).await;
    }
    futures_util::SinkExt::send(&mut peer.socket, Message::binary(vec![1, 2, 3])).await.unwrap();
    peer.say(&json!({"action": "from.the.future"})).await;
    peer.say(&json!({"type": "message.new", "payload": {}})).await;
    assert_eq!(&*next_event(&mut events).await.kind, "message.new");
    assert_eq!(*connection.state().borrow(), ConnectionState::Connected);
}

#[tokio::test]
async fn a_logged_frame_that_cannot_be_decoded_is_asked_for_once_more() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    let mut events = connection.events();
    let mut peer = server.next().await;
    peer.accept(1).await;
    peer.say_text("{").await;
    // It may have been an event: the stream is taken up again from the cursor. The same rubbish again is passed over.
    let mut peer = server.next().await;
    assert_eq!(peer.accept_resume().await["seq"], 1);
    for bad in BAD_FRAMES {
        peer.say_text(bad).await;
    }
    peer.event(2, 1).await;
    assert_eq!(next_seqs(&mut events, 1).await, [2]);
    assert_eq!(*connection.state().borrow(), ConnectionState::Connected);
}

#[tokio::test]
async fn what_the_application_sends_arrives_in_order() {
    let mut server = Server::start().await;
    let connection = quick(server.url("/agent")).connect().unwrap();
    for n in 0..3 {
        connection.send(json!({"action": "own", "n": n}).to_string()).unwrap();
    }
    let mut peer = server.next().await;
    peer.accept(1).await;
    soon(connection.ready()).await.unwrap();
    connection.send(json!({"action": "own", "n": 3}).to_string()).unwrap();
    for n in 0..4 {
        assert_eq!(peer.expect("own").await["n"], n);
    }
    connection.send_activity("c1", bowline::ActivityStatus::Thinking).unwrap();
    assert_eq!(peer.expect("activity").await["status"], "thinking");
    connection.subscribe([topic("conv_ondemand:c1")]).unwrap();
    peer.expect("subscribe").await;
    peer.say(&json!({"action": "subscribe_ack", "subscribed": ["conv_ondemand:c1"], "errors": [], "seq": 1}))
        .await;
    let mut events = connection.events();
    let ack = next_notice(&mut events, |notice| match notice {
        Notice::SubscribeAck(ack) => Some(ack.clone()),
        _ => None,
    });
    assert_eq!(ack.await.subscribed, [topic("conv_ondemand:c1")]);
}

#[tokio::test]
async fn attempts_may_be_limited() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let connection = quick(format!("ws://{gone}/")).max_attempts(2).connect().unwrap();
    let error = soon(connection.ready()).await.unwrap_err();
    assert!(matches!(error, ConnectError::AttemptsExhausted { attempts: 2, .. }), "{error:?}");
}

#[test]
fn what_cannot_be_built_is_said_at_once() {
    let no_runtime = Connection::builder("ws://h/").connect().map(drop);
    assert_eq!(no_runtime, Err(BuildError::NoRuntime));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scheme = runtime.block_on(async { Connection::builder("ftp://h/").connect().map(drop) });
    assert_eq!(scheme, Err(BuildError::Scheme { scheme: "ftp".into() }));
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_handshake_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/agent", listener.local_addr().unwrap());
    let patience = Duration::from_millis(50);
    let connection = quick(url).configure(|config| config.dial_deadline(patience)).connect().unwrap();
    let (silent, _) = soon(listener.accept()).await.unwrap();
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut peer = soon(support::upgrade(Box::new(stream), "GET / ".to_owned())).await.unwrap();
    peer.accept(0).await;
    soon(connection.ready()).await.unwrap();
    drop(silent);
}
