//! How many write calls a delivery costs: one per socket and turn, however many events the turn brought.

mod support;

use std::net::SocketAddr;

use support::http::{call, request};
use support::ws::{Socket, bearer};
use support::{builder, claiming, operator};

const SOCKETS: usize = 40;
const EVENTS: usize = 16;

#[tokio::test]
async fn a_batch_costs_each_socket_one_write_call() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = support::config(dir.path());
    config.shards = Some(1);
    config.limits.path_sockets = SOCKETS as u32;
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    let (addr, admin) = (gateway.addr(), gateway.admin_addr().unwrap());
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let credential = bearer(&claiming("reader", &["chat:*"]));
        let mut socket = Socket::open(addr, "/chats/c1", &[&credential]).await;
        socket.action("connection.accepted").await;
        sockets.push(socket);
    }
    let before = writes(admin).await;
    publish(addr, EVENTS).await;
    read(&mut sockets, EVENTS).await;
    assert_eq!(writes(admin).await - before, SOCKETS, "a batch");
    for _ in 0..EVENTS {
        publish(addr, 1).await;
        read(&mut sockets, 1).await;
    }
    assert_eq!(writes(admin).await - before, SOCKETS + SOCKETS * EVENTS, "one at a time");
}

async fn publish(addr: SocketAddr, count: usize) {
    let event = r#"{"topic":"chat:c1","type":"x","payload":1}"#;
    let body = format!("[{}]", vec![event; count].join(","));
    let answer = call(addr, &operator(), "POST", "/v1/events", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

async fn read(sockets: &mut [Socket], count: usize) {
    for socket in sockets {
        for _ in 0..count {
            socket.event().await;
        }
    }
}

/// With one shard the answer comes from the thread that wrote, so after its turn.
async fn writes(admin: SocketAddr) -> usize {
    let answer = request(admin, "GET", "/metrics", &[], "").await;
    let mut lines = answer.body.lines();
    let count = lines.find_map(|line| line.strip_prefix("bowline_write_calls_total ")?.parse().ok());
    count.expect("the counter is told")
}
