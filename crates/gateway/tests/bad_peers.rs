//! Peers that break the rules: the answer is clear, and nobody else notices.

mod support;

use std::time::Duration;

use serde_json::json;
use support::http::{grant, publish, raw};
use support::ws::{BINARY, End, Socket, TEXT, masked};
use support::{PATIENCE, builder, config, start, token, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn frames_that_break_the_framing_are_closed_with_the_code_of_their_fault() {
    let (gateway, _dir) = start().await;
    for (what, bytes, code) in [
        ("unmasked", vec![0x81, 2, b'{', b'}'], 1002),
        ("binary", masked(0x80 | BINARY, b"{}"), 1003),
        ("not UTF-8", masked(0x80 | TEXT, &[0xFF, 0xFE]), 1007),
        ("oversized", masked(0x80 | TEXT, &vec![b' '; 70_000]), 1009),
        ("reserved bit", masked(0xC0 | TEXT, b"{}"), 1002),
    ] {
        let (mut socket, _) = Socket::accepted(gateway.addr(), &token(&what.replace(' ', ""))).await;
        socket.send_raw(&bytes).await;
        assert_eq!(socket.end().await, End::Closed(code), "{what}");
        assert_eq!(socket.end().await, End::Cut, "{what}");
    }
    until("all are freed", || gateway.stats().sockets == 0).await;
}

#[tokio::test]
async fn a_fragmented_message_is_put_together() {
    let (gateway, _dir) = start().await;
    let (mut socket, _) = Socket::accepted(gateway.addr(), &token("alice")).await;
    socket.send_frame(TEXT, br#"{"action":"#).await;
    socket.send_frame(0x80 | support::ws::PING, b"between").await;
    socket.send_frame(0x80, br#""ping"}"#).await;
    assert_eq!(socket.next().await, Ok((support::ws::PONG, b"between".to_vec())));
    assert_eq!(socket.json().await["action"], "pong");
}

#[tokio::test]
async fn a_message_that_is_no_frame_is_answered_and_too_many_of_them_end_the_socket() {
    let (gateway, _dir) = start().await;
    let (mut socket, _) = Socket::accepted(gateway.addr(), &token("alice")).await;
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for text in ["no json", "[1", &deep, r#"{"action":7}"#] {
        socket.send_frame(0x80 | TEXT, text.as_bytes()).await;
        let told = socket.json().await;
        assert_eq!((&told["action"], &told["code"]), (&json!("error"), &json!("BAD_FRAME")), "{told}");
    }
    socket.send(&json!({"action": "of a later version"})).await;
    socket.send(&json!({"action": "ping"})).await;
    assert_eq!(socket.json().await["action"], "pong");
    socket.send_frame(0x80 | TEXT, b"once more").await;
    assert_eq!(socket.end().await, End::Closed(4504));
}

#[tokio::test]
async fn a_subscribe_of_ten_thousand_topics_is_refused_and_the_socket_lives() {
    let (gateway, _dir) = start().await;
    let (mut socket, _) = Socket::accepted(gateway.addr(), &token("alice")).await;
    // Short names, so that the message is below the size limit and the count is what is refused.
    let topics: Vec<String> = (0..10_000).map(|_| "a:".to_owned()).collect();
    socket.send(&json!({"action": "subscribe", "topics": topics})).await;
    let told = socket.json().await;
    assert_eq!(told["action"], "error", "{told}");
    socket.send(&json!({"action": "ping"})).await;
    assert_eq!(socket.json().await["action"], "pong");
}

#[tokio::test]
async fn a_peer_that_never_reads_is_closed_and_the_others_get_everything() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).write_timeout(Duration::from_millis(300)).start().await.unwrap();
    let addr = gateway.addr();
    grant(addr, "deaf", "conv:c1").await;
    grant(addr, "alice", "conv:c1").await;
    let (mut deaf, _) = Socket::accepted(addr, &token("deaf")).await;
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    // More than the kernel buffers for one socket on loopback.
    let payload = format!("\"{}\"", "x".repeat(60_000));
    let count = 300;
    let reader = tokio::spawn(async move {
        let mut last = 0;
        for _ in 0..count {
            let event = alice.event().await;
            assert_eq!(event["prev"].as_u64().unwrap(), last, "alice misses nothing");
            last = event["seq"].as_u64().unwrap();
        }
        alice
    });
    for _ in 0..count {
        publish(addr, "conv:c1", &payload).await;
    }
    let _alice = tokio::time::timeout(PATIENCE, reader).await.unwrap().unwrap();
    until("the deaf peer is given up", || gateway.stats().shards.slow_consumers == 1).await;
    until("its socket is freed", || gateway.stats().sockets == 1).await;
    // What it had not read in time was never more than the kernel's buffers.
    deaf.answers_pings = false;
    assert_ne!(deaf.end().await, End::Closed(1000));
}

#[tokio::test]
async fn a_slow_reader_that_falls_behind_catches_up_from_the_log_without_a_hole() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    grant(addr, "slow", "conv:c1").await;
    let (mut slow, _) = Socket::accepted(addr, &token("slow")).await;
    let payload = format!("\"{}\"", "x".repeat(60_000));
    let count = 300;
    for _ in 0..count {
        publish(addr, "conv:c1", &payload).await;
    }
    until("it is behind", || gateway.stats().shards.catching_up == 1).await;
    let mut last = 0;
    for _ in 0..count {
        let event = slow.event().await;
        assert_eq!(event["prev"].as_u64().unwrap(), last);
        last = event["seq"].as_u64().unwrap();
    }
    until("it follows the tail again", || gateway.stats().shards.live == 1).await;
    let seq = publish(addr, "conv:c1", "1").await;
    assert_eq!(slow.event().await["seq"], seq);
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_one_byte_a_moment_is_cut_at_the_handshake_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).handshake_timeout(Duration::from_millis(300)).start().await.unwrap();
    let mut silent = tokio::net::TcpStream::connect(gateway.addr()).await.unwrap();
    let mut slow = tokio::net::TcpStream::connect(gateway.addr()).await.unwrap();
    let drip = async {
        for byte in b"GET /agent HTTP/1.1\r\nHost: test".iter().cycle() {
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, drip).await.unwrap();
    let mut bytes = Vec::new();
    assert_eq!(tokio::time::timeout(PATIENCE, silent.read_to_end(&mut bytes)).await.unwrap().unwrap(), 0);
    until("their places are free", || gateway.stats().connections == 0).await;
}

#[tokio::test]
async fn a_socket_that_opens_for_a_resume_and_says_nothing_or_else_is_not_served() {
    let (gateway, _dir) = start().await;
    let path = format!("/agent?resume=1&token={}", token("alice"));
    let mut socket = Socket::open(gateway.addr(), &path, &[]).await;
    assert!(socket.is_quiet(Duration::from_millis(50)).await, "nothing is accepted before the resume frame");
}

#[tokio::test]
async fn above_the_connection_limit_a_peer_is_told_503() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).config(config(dir.path())).max_connections(1).start().await.unwrap();
    let (_one, _) = Socket::accepted(gateway.addr(), &token("alice")).await;
    let refused = Socket::try_open(gateway.addr(), "/agent", &[]).await;
    assert!(refused.is_err_and(|text| text.starts_with("HTTP/1.1 503")));
}

#[tokio::test]
async fn heads_that_are_no_http_or_too_large_are_answered() {
    let (gateway, _dir) = start().await;
    let answer = raw(gateway.addr(), b"\x16\x03\x01 hello\r\n\r\n").await;
    assert_eq!(answer.status, 400);
    let large = format!("GET / HTTP/1.1\r\nHost: test\r\nX: {}\r\n\r\n", "x".repeat(17_000));
    assert_eq!(raw(gateway.addr(), large.as_bytes()).await.status, 431);
    let old = b"GET /agent HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n";
    let answer = raw(gateway.addr(), old).await;
    assert_eq!(answer.status, 426);
    assert!(answer.has("sec-websocket-version: 13"), "{answer:?}");
}
