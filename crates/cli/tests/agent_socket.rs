//! The agent's socket against real processes: the rows of the seed documents that are hardest to get right.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::event::ActivityChanged;
use bowline::{ActivityStatus, AgentSocket, AgentState, ConnectError, CredentialMode, TokenError};
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

    fn url(&self) -> String {
        format!("ws://{}", self.gateway.listen())
    }

    fn token(&self, account: &str) -> String {
        let output = Command::new(self.gateway.binary())
            .args(["token", "--account", account, "--data-dir"])
            .arg(self.gateway.data_dir())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    fn socket(&self, account: &str) -> AgentSocket {
        AgentSocket::builder(self.url()).token_provider(self.token(account)).build().unwrap()
    }

    /// A gauge or counter of the gateway's metrics.
    fn metric(&self, name: &str) -> u64 {
        let mut answer = ureq::get(format!("http://{}/metrics", self.gateway.admin())).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric {name}")).trim().parse::<f64>().unwrap() as u64
    }

    async fn until_metric(&self, name: &str, is_reached: impl Fn(u64) -> bool) {
        let start = Instant::now();
        while !is_reached(self.metric(name)) {
            assert!(start.elapsed() < Duration::from_secs(20), "{name} stays at {}", self.metric(name));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Waits until no task is left in this test's runtime.
async fn until_no_task_is_left() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let start = Instant::now();
    while alive() > 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "{} tasks are left", alive());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until(what: &str, is_reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_reached() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn states(socket: &AgentSocket) -> Arc<Mutex<Vec<AgentState>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    socket.on_state_change(move |state| sink.lock().unwrap().push(state)).detach();
    seen
}

fn activities(socket: &AgentSocket) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let sink = Arc::clone(&count);
    socket
        .on::<ActivityChanged>(move |_| {
            sink.fetch_add(1, Ordering::Relaxed);
        })
        .detach();
    count
}

#[tokio::test]
async fn on_demand_topics_survive_twenty_handovers_on_a_gateway_that_resumes() {
    let world = World::new();
    let alice = AgentSocket::builder(world.url())
        .token_provider(world.token("alice"))
        .proactive_reconnect(Duration::from_millis(100))
        .build()
        .unwrap();
    let (seen, heard) = (states(&alice), activities(&alice));
    alice.subscribe(["conv_ondemand:welcome"]).unwrap();
    alice.connect().await.unwrap();
    let bob = world.socket("bob");
    bob.connect().await.unwrap();
    world.until_metric("bowline_links_resumed_total", |n| n >= 20).await;
    let before = heard.load(Ordering::Relaxed);
    bob.send_activity("welcome", ActivityStatus::Thinking).unwrap();
    until("an activity after the handovers", || heard.load(Ordering::Relaxed) > before).await;
    assert_eq!(
        *seen.lock().unwrap(),
        [AgentState::Connecting, AgentState::Connected],
        "handovers show no state"
    );
    alice.disconnect().await;
    bob.disconnect().await;
    until_no_task_is_left().await;
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn on_demand_topics_survive_twenty_handovers_on_a_plain_server() {
    let strangers: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/strangers");
    let has_ws = Command::new("node")
        .args(["-e", "require('ws')"])
        .current_dir(&strangers)
        .stderr(Stdio::null())
        .status();
    if !has_ws.is_ok_and(|status| status.success()) {
        assert!(std::env::var("BOWLINE_STRANGERS").as_deref() != Ok("required"), "npm ws is not installed");
        eprintln!("SKIPPED: npm ws is not installed; ./check installs it");
        return;
    }
    let mut server = Command::new("node");
    server.arg("plain_topics.mjs").current_dir(&strangers).stdout(Stdio::piped());
    let mut server = Ended(server.spawn().unwrap());
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap().strip_prefix("port ").unwrap().to_string();
    let opened = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&opened);
    std::thread::spawn(move || {
        while let Some(Ok(_)) = lines.next() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let socket = AgentSocket::builder(format!("ws://127.0.0.1:{port}"))
        .token_provider("anything")
        .credential(CredentialMode::UrlToken)
        .proactive_reconnect(Duration::from_millis(200))
        .build()
        .unwrap();
    let seen = states(&socket);
    let ticks = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&ticks);
    socket
        .on::<ActivityChanged>(move |event| {
            let tick: u64 = event.user_id.strip_prefix("tick-").unwrap().parse().unwrap();
            sink.lock().unwrap().push(tick);
        })
        .detach();
    socket.subscribe(["conv_ondemand:c1"]).unwrap();
    socket.connect().await.unwrap();
    until("twenty handovers", || opened.load(Ordering::Relaxed) > 20).await;
    socket.disconnect().await;
    let ticks = ticks.lock().unwrap().clone();
    assert!(ticks.windows(2).all(|w| w[1] == w[0] + 1), "every tick once and in order: {ticks:?}");
    assert!(ticks.len() > 60, "{}", ticks.len());
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen[..2], [AgentState::Connecting, AgentState::Connected]);
    assert!(seen[2..].iter().all(|state| *state == AgentState::Disconnected), "{seen:?}");
    until_no_task_is_left().await;
}

#[tokio::test]
async fn two_fast_connects_give_one_socket() {
    let world = World::new();
    let socket = world.socket("alice");
    let (first, second) = tokio::join!(socket.connect(), socket.connect());
    first.unwrap();
    second.unwrap();
    assert_eq!(world.metric("bowline_links"), 1);
    assert_eq!(world.metric("bowline_links_accepted_total"), 1);
    socket.disconnect().await;
    world.until_metric("bowline_links", |n| n == 0).await;
    until_no_task_is_left().await;
}

#[tokio::test]
async fn disconnect_at_any_moment_leaves_no_socket_and_no_task() {
    let world = World::new();
    // At moments from the token to well after the acceptance.
    for micros in [0, 50, 100, 200, 300, 500, 800, 1_200, 2_000, 5_000, 20_000] {
        let socket = world.socket("alice");
        let connecting = socket.clone();
        let attempt = tokio::spawn(async move { connecting.connect().await });
        tokio::time::sleep(Duration::from_micros(micros)).await;
        socket.disconnect().await;
        assert_eq!(socket.state(), AgentState::Disconnected);
        // Whether it was accepted first or not, it is over now.
        let _ = attempt.await.unwrap();
        until_no_task_is_left().await;
    }
    // In the middle of a handover.
    let socket = AgentSocket::builder(world.url())
        .token_provider(world.token("alice"))
        .proactive_reconnect(Duration::from_millis(1))
        .build()
        .unwrap();
    for _ in 0..5 {
        socket.connect().await.unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
        socket.disconnect().await;
        until_no_task_is_left().await;
    }
    world.until_metric("bowline_links", |n| n == 0).await;

    // In the middle of the token and of the backoff.
    let never =
        AgentSocket::builder(world.url()).token_provider(std::future::pending::<Result<String, TokenError>>);
    let failing =
        AgentSocket::builder(world.url()).token_provider(|| async { Err(TokenError::temporary("down")) });
    for builder in [never, failing] {
        let socket = builder.build().unwrap();
        let connecting = socket.clone();
        let attempt = tokio::spawn(async move { connecting.connect().await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        socket.disconnect().await;
        assert!(matches!(attempt.await.unwrap(), Err(ConnectError::Closed)));
        until_no_task_is_left().await;
    }
}

#[tokio::test]
async fn a_rejected_third_connection_stops_and_tells_and_connects_once_a_slot_is_free() {
    let world = World::new();
    let (first, second, third) = (world.socket("alice"), world.socket("alice"), world.socket("alice"));
    first.connect().await.unwrap();
    second.connect().await.unwrap();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reasons);
    third.on_connection_rejected(move |rejected| sink.lock().unwrap().push(rejected.reason.clone())).detach();
    assert!(matches!(third.connect().await, Err(ConnectError::Rejected(_))));
    until("the rejection is told", || !reasons.lock().unwrap().is_empty()).await;
    assert_eq!(*reasons.lock().unwrap(), ["CONNECTION_LIMIT_EXCEEDED"]);
    let accepted = world.metric("bowline_links_accepted_total");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(third.state(), AgentState::Disconnected, "auto-reconnect is off");
    first.disconnect().await;
    world.until_metric("bowline_links", |n| n == 1).await;
    third.connect().await.unwrap();
    assert_eq!(world.metric("bowline_links_accepted_total"), accepted + 1);
    second.disconnect().await;
    third.disconnect().await;
    until_no_task_is_left().await;
}

#[tokio::test]
async fn a_token_provider_that_fails_or_returns_an_expired_token_recovers() {
    let world = World::new();
    let good = world.token("alice");
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let socket = AgentSocket::builder(world.url())
        .token_provider(move || {
            let (n, good) = (count.fetch_add(1, Ordering::Relaxed), good.clone());
            async move {
                match n {
                    0 => Err(TokenError::temporary("the issuer is down")),
                    1 => Ok("an.expired.token".to_string()),
                    _ => Ok(good),
                }
            }
        })
        .backoff(Duration::from_millis(50), Duration::from_millis(200))
        .build()
        .unwrap();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&errors);
    socket.on_error(move |error| sink.lock().unwrap().push(error.to_string())).detach();
    socket.connect().await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert!(errors.lock().unwrap().iter().any(|e| e.contains("the issuer is down")), "{errors:?}");

    let refused = AgentSocket::builder(world.url()).token_provider("not-a-token").build().unwrap();
    assert!(matches!(refused.connect().await, Err(ConnectError::Unauthorized)));
    assert_eq!(refused.state(), AgentState::Disconnected);
    socket.disconnect().await;
    refused.disconnect().await;
    until_no_task_is_left().await;
}
