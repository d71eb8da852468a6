//! Other people's libraries, which know only the plain layer, against our gateway; and our client against a plain server.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowline_torture::Gateway;

fn bowline() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bowline"))
}

fn strangers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/strangers")
}

/// Whether what a stranger needs is installed. `./check` installs it and then insists.
fn is_there(probe: &mut Command, what: &str) -> bool {
    let found = probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    assert!(
        found || std::env::var("BOWLINE_STRANGERS").as_deref() != Ok("required"),
        "{what} is not installed; ./check installs it"
    );
    if !found {
        eprintln!("SKIPPED: {what} is not installed; ./check installs it");
    }
    found
}

fn python() -> String {
    std::env::var("BOWLINE_STRANGERS_PYTHON").unwrap_or_else(|_| "python3".into())
}

fn token(gateway: &Gateway, account: &str, scope: &[&str]) -> String {
    let output = Command::new(bowline())
        .args(["token", "--account", account])
        .args(scope)
        .arg("--data-dir")
        .arg(gateway.data_dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

fn run_client(mut command: Command) {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(bowline(), &dir.path().join("data"), None).unwrap();
    let output = command
        .current_dir(strangers())
        .env("BOWLINE_URL", format!("http://{}", gateway.listen()))
        .env("ALICE_TOKEN", token(&gateway, "alice", &[]))
        .env("BOB_TOKEN", token(&gateway, "bob", &[]))
        .env("PUBLISHER_TOKEN", token(&gateway, "backend", &["--scope", "publish", "--kind", "service"]))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_plain_client_made_with_python_websockets_works_against_the_gateway() {
    let python = python();
    if is_there(Command::new(&python).args(["-c", "import websockets"]), "PyPI websockets") {
        let mut command = Command::new(python);
        command.arg("stranger.py");
        run_client(command);
    }
}

#[test]
fn a_plain_client_made_with_npm_ws_works_against_the_gateway() {
    if is_there(Command::new("node").args(["-e", "require('ws')"]).current_dir(strangers()), "npm ws") {
        let mut command = Command::new("node");
        command.arg("stranger.mjs");
        run_client(command);
    }
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn our_client_works_against_a_plain_server_made_with_npm_ws_and_comes_back_after_every_cut() {
    if !is_there(Command::new("node").args(["-e", "require('ws')"]).current_dir(strangers()), "npm ws") {
        return;
    }
    let mut server = Command::new("node");
    server.arg("plain_server.mjs").current_dir(strangers()).stdout(Stdio::piped());
    let mut server = Ended(server.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().strip_prefix("port ").unwrap().to_string();

    let mut listen = Command::new(bowline());
    listen
        .args([
            "listen",
            "--json",
            "--path",
            "/",
            "--credential",
            "url-token",
            "--token",
            "secret",
            "--subscribe",
        ])
        .args(["conv_ondemand:c1", "--url", &format!("http://127.0.0.1:{port}")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut listen = Ended(listen.spawn().unwrap());
    let (sender, numbers) = std::sync::mpsc::channel();
    let stdout = BufReader::new(listen.0.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let _ = sender.send(value["payload"]["n"].as_u64().unwrap());
        }
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut seen = Vec::new();
    while seen.len() < 8 && Instant::now() < deadline {
        if let Ok(n) = numbers.recv_timeout(Duration::from_millis(200)) {
            seen.push(n);
        }
    }
    assert!(seen.len() >= 8, "more than one link's five events arrive: {seen:?}");
    assert!(seen.windows(2).all(|w| w[0] < w[1]), "in order, none twice: {seen:?}");
}
