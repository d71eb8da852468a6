//! Managed sockets against real processes: tickets, any path, and a gateway that is killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::{Client, ManagedSocket, OpenError, SocketOptions, SocketState, TicketError};
use bowline_torture::Gateway;

struct World {
    gateway: Gateway,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_bowline"));
        let gateway = Gateway::start(binary, &dir.path().join("data"), None).unwrap();
        World { gateway, _dir: dir }
    }

    fn run(&self, args: &[&str]) -> String {
        let output = Command::new(self.gateway.binary())
            .args(args)
            .arg("--data-dir")
            .arg(self.gateway.data_dir())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A client of alice's, who may see every chat.
    fn client(&self) -> Client {
        let token = self.run(&["token", "--account", "alice", "--topic", "chat:*"]);
        let options = SocketOptions::new().reconnect_delay(Duration::from_millis(100));
        let url = format!("http://{}", self.gateway.listen());
        Client::builder(url).token_provider(token).socket_options(options).build().unwrap()
    }

    fn publish(&self, topic: &str, n: u32) {
        let url = format!("http://{}", self.gateway.listen());
        self.run(&["publish", topic, "message.new", &n.to_string(), "--url", &url]);
    }
}

/// Notes the payloads of messages.
fn payloads(socket: &ManagedSocket) -> Arc<Mutex<Vec<u32>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let note = move |message: &bowline::MessageEvent| {
        let payload = serde_json::from_slice(&message.event().payload).unwrap();
        sink.lock().unwrap().push(payload);
    };
    socket.on_message().subscribe(note).detach();
    seen
}

async fn until(what: &str, is_reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_reached() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_no_task_is_left() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    until("no task", || alive() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_socket_gets_every_message_once_over_kills_of_the_gateway() {
    let mut world = World::new();
    let client = world.client();
    let socket = client.websocket().connect_to_chat("thread-1").await.unwrap();
    let seen = payloads(&socket);
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let sink = attempts.clone();
    socket.on_reconnecting().subscribe(move |attempt| sink.lock().unwrap().push(*attempt)).detach();
    until("open", || socket.is_open()).await;
    for round in 0..3 {
        world.publish("chat:thread-1", round * 2);
        world.gateway.kill().unwrap();
        world.gateway.restart().unwrap();
        // Published before the socket is back.
        world.publish("chat:thread-1", round * 2 + 1);
        until("both messages", || seen.lock().unwrap().len() >= round as usize * 2 + 2).await;
        until("open again", || socket.is_open()).await;
    }
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert!(attempts.lock().unwrap().len() >= 3);
    client.websocket().close_all().await;
    assert_eq!((socket.state(), client.websocket().connection_count()), (SocketState::Closed, 0));
    until_no_task_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_of_ones_own_opens_and_a_forbidden_one_fails_with_its_reason() {
    let world = World::new();
    let client = world.client();
    let sockets = client.websocket();
    let socket = sockets.connect("/notifications", SocketOptions::new(), "notifications").await.unwrap();
    let seen = payloads(&socket);
    until("open", || socket.is_open()).await;
    world.publish("notifications:alice", 7);
    until("the notification", || *seen.lock().unwrap() == [7]).await;
    let ticket = sockets.get_ticket("/notifications").await.unwrap();
    assert_eq!(ticket.expires_in(), Some(Duration::from_secs(30)));

    let error = sockets.connect_to_transcript("w1", "t1").await.unwrap_err();
    assert!(matches!(error, OpenError::Ticket(TicketError::Forbidden { .. })), "{error:?}");
    socket.destroy();
    socket.closed().await;
    assert_eq!(sockets.connection_count(), 0);
    until_no_task_is_left().await;
}
