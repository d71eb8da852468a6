//! What a user types and what he is told, with the real binary.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bowline_torture::Gateway;

fn bowline(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bowline"))
        .args(args)
        .env_remove("BOWLINE_URL")
        .env_remove("BOWLINE_TOKEN")
        .env_remove("BOWLINE_DATA_DIR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn fails_with(args: &[&str], parts: &[&str]) {
    let output = bowline(args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{args:?} should fail");
    for part in parts {
        assert!(text.contains(part), "{args:?} should say {part:?}, said:\n{text}");
    }
}

struct World {
    dir: tempfile::TempDir,
    gateway: Gateway,
}

impl World {
    fn new() -> Self {
        World::with_config(None)
    }

    fn with_config(config: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_bowline"));
        let gateway = Gateway::start(binary, &dir.path().join("data"), config).unwrap();
        World { dir, gateway }
    }

    fn data(&self) -> String {
        self.gateway.data_dir().to_str().unwrap().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The events of `conv:welcome` behind `after`.
    fn events(&self, after: u64) -> Vec<serde_json::Value> {
        let token = bowline(&["token", "--account", "alice", "--data-dir", &self.data()]);
        let listen = self.gateway.listen();
        let mut answer = ureq::get(format!("http://{listen}/v1/topics/conv:welcome/events?after={after}"))
            .header("authorization", format!("Bearer {}", text(&token.stdout).trim()))
            .call()
            .unwrap();
        let page: serde_json::Value =
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        page["events"].as_array().unwrap().clone()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn two_listeners_on_one_port_are_told_from_a_taken_port() {
    let same = "127.0.0.1:18787";
    fails_with(&["serve", "--dev", "--listen", same, "--admin", same], &["admin", "is the same as `listen`"]);
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let data = dir.path().join("data");
    fails_with(
        &[
            "serve",
            "--dev",
            "--listen",
            &addr,
            "--admin",
            "127.0.0.1:0",
            "--data-dir",
            data.to_str().unwrap(),
        ],
        &[&addr, "in use"],
    );
}

#[test]
fn a_data_dir_that_is_a_file_or_held_by_another_gateway_is_told() {
    let world = World::new();
    let file = world.path("file");
    fs::write(&file, "").unwrap();
    let serve = ["serve", "--dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir"];
    let mut args = serve.to_vec();
    args.push(file.to_str().unwrap());
    fails_with(&args, &["can't use", "file"]);
    let data = world.data();
    let mut args = serve.to_vec();
    args.push(&data);
    fails_with(&args, &["in use by another gateway"]);
}

#[test]
fn an_unknown_configuration_key_is_named_with_the_nearest_known_one() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    fs::write(&config, "heartbaet = \"15s\"\n").unwrap();
    fails_with(&["serve", "--dev", "--config", config.to_str().unwrap()], &["heartbaet", "heartbeat"]);
    fails_with(&["serve", "--config", "/nowhere/c.toml"], &["/nowhere/c.toml"]);
}

#[test]
fn a_gateway_without_a_key_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    fails_with(&["serve", "--data-dir", dir.path().to_str().unwrap()], &["no key", "--dev"]);
}

#[test]
fn commands_without_a_gateway_or_a_token_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().to_str().unwrap();
    fails_with(&["publish", "conv:c1", "message.new", "--data-dir", empty], &["no token", "--data-dir"]);
    fails_with(&["token", "--account", "alice", "--data-dir", empty], &["dev.json", "serve --dev"]);
    fails_with(&["listen", "--account", "alice", "--data-dir", empty], &["no token"]);
}

#[test]
fn an_event_is_published_once_however_often_the_command_is_repeated() {
    let world = World::new();
    let data = world.data();
    let publish = |payload: &str| {
        bowline(&[
            "publish",
            "conv:welcome",
            "message.new",
            payload,
            "--idempotency-key",
            "k1",
            "--data-dir",
            &data,
        ])
    };
    let first = publish("{\"text\":\"hello\"}");
    assert!(first.status.success(), "{}", text(&first.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    assert!(answer["seq"].as_u64().unwrap() > 0 && answer["epoch"].as_str().unwrap().len() == 16);
    assert_eq!(text(&publish("{\"text\":\"hello\"}").stdout), text(&first.stdout));
    let other = publish("{\"text\":\"other\"}");
    assert!(!other.status.success() && text(&other.stderr).contains("422"), "{}", text(&other.stderr));
}

#[test]
fn a_payload_that_is_not_json_is_refused_before_anything_is_sent() {
    let world = World::new();
    let data = world.data();
    fails_with(
        &["publish", "conv:welcome", "message.new", "hello", "--data-dir", &data],
        &["not JSON", "quote"],
    );
}

#[test]
fn lines_are_published_in_order_and_a_bad_line_is_named() {
    let world = World::new();
    let data = world.data();
    let mut lines = String::new();
    for n in 0..1000 {
        lines.push_str(&format!(
            "{{\"topic\":\"conv:welcome\",\"type\":\"message.new\",\"payload\":{{\"n\":{n}}}}}\n"
        ));
    }
    let output = ndjson(&data, &lines, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let seqs: Vec<u64> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs.len(), 1000);
    assert!(seqs.windows(2).all(|w| w[0] < w[1]));

    let output = ndjson(
        &data,
        "{\"topic\":\"conv:welcome\",\"type\":\"x\"}\n{\"topic\":\"Bad\",\"type\":\"x\"}\n",
        &[],
    );
    assert!(!output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 1, "the line before is published");
    assert!(text(&output.stderr).contains("line 2"), "{}", text(&output.stderr));
}

#[test]
fn a_line_is_an_object_and_is_sent_on_with_all_its_members() {
    let world = World::new();
    let data = world.data();
    let lines = concat!(
        " {\"type\":\"x\",\"topic\":\"conv:welcome\",\"payload\":null,\"timestamp\":\"2020-01-01T00:00:00Z\",\"later\":[1]} \r\n",
        "{\"type\":\"x\",\"topic\":\"conv:welcome\",\"ephemeral\":true}\n",
        "{\"type\":\"x\",\"topic\":\"conv:welcome\"}\n",
    );
    let output = ndjson(&data, lines, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answers: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_logged: Vec<bool> = answers.iter().map(|answer| answer["seq"].is_u64()).collect();
    assert_eq!(is_logged, [true, false, true]);
    let page = world.events(answers[0]["seq"].as_u64().unwrap() - 1);
    assert_eq!(
        (&page[0]["payload"], &page[0]["timestamp"]),
        (&serde_json::Value::Null, &"2020-01-01T00:00:00.000Z".into())
    );
    assert_eq!(page[1]["payload"], serde_json::json!({}));
    assert_eq!(page.len(), 2);

    for line in ["[\"conv:welcome\",\"x\",{}]\n", "\"conv:welcome\"\n", "null\n"] {
        let output = ndjson(&data, line, &[]);
        assert!(!output.status.success(), "{line}");
        assert!(text(&output.stderr).contains("line 1: not a JSON object"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_repeated_input_with_a_key_is_published_once() {
    let world = World::new();
    let data = world.data();
    let lines = "{\"topic\":\"conv:welcome\",\"type\":\"x\"}\n".repeat(600);
    let first = ndjson(&data, &lines, &["--idempotency-key", "import-1"]);
    let second = ndjson(&data, &lines, &["--idempotency-key", "import-1"]);
    assert!(first.status.success() && second.status.success(), "{}", text(&second.stderr));
    assert_eq!(text(&first.stdout), text(&second.stdout));
}

fn ndjson(data: &str, lines: &str, more: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bowline"))
        .args(["publish", "--ndjson", "--data-dir", data])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines.to_string();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(lines.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

#[test]
fn the_doctor_finds_a_healthy_gateway_healthy_and_says_what_ails_a_missing_one() {
    let world = World::new();
    let output = bowline(&["doctor", "--data-dir", &world.data()]);
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("a connection is accepted"), "{}", text(&output.stdout));
    let data = world.data();
    drop(world.gateway);
    let output = bowline(&["doctor", "--data-dir", &data]);
    assert!(!output.status.success());
    assert!(text(&output.stdout).contains("does not accept connections"), "{}", text(&output.stdout));
}

#[test]
fn a_grant_reaches_a_live_listener_and_a_revocation_ends_it() {
    let world = World::new();
    let data = world.data();
    let (out, err) = (world.path("out"), world.path("err"));
    let mut listen = Command::new(env!("CARGO_BIN_EXE_bowline"))
        .args(["listen", "--account", "carol", "--json", "--data-dir", &data])
        .stdout(fs::File::create(&out).unwrap())
        .stderr(fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let wait_for = |path: &Path, part: &str| {
        for _ in 0..200 {
            if fs::read_to_string(path).unwrap().contains(part) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{} never said {part:?}: {}", path.display(), fs::read_to_string(path).unwrap());
    };
    wait_for(&err, "\"notice\":\"accepted\"");
    let run = |args: &[&str]| {
        let output = bowline(&[args, &["--data-dir", &data]].concat());
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    };
    run(&["publish", "conv:c9", "message.new", "{\"n\":1}"]);
    run(&["grant", "--account", "carol", "conv:c9"]);
    wait_for(&err, "\"added\":[\"conv:c9\"]");
    run(&["publish", "conv:c9", "message.new", "{\"n\":2}"]);
    wait_for(&out, "{\"n\":2}");
    run(&["revoke", "--account", "carol", "conv:c9"]);
    wait_for(&err, "\"removed\":[\"conv:c9\"]");
    run(&["publish", "conv:c9", "message.new", "{\"n\":3}"]);
    run(&["publish", "user:carol", "message.new", "{\"n\":4}"]);
    wait_for(&out, "{\"n\":4}");
    let seen = fs::read_to_string(&out).unwrap();
    assert!(!seen.contains("{\"n\":1}") && !seen.contains("{\"n\":3}"), "{seen}");
    listen.kill().unwrap();
    listen.wait().unwrap();
}

/// A small tmpfs needs root; elsewhere the gateway's own tests cover the answer with a store that reports itself full.
#[test]
fn a_full_disk_answers_507_and_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=3m", "none"])
        .arg(dir.path())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("SKIPPED: a small tmpfs can only be mounted by root");
        return;
    }
    let result = std::panic::catch_unwind(|| full_disk(dir.path()));
    assert!(Command::new("umount").arg("-l").arg(dir.path()).status().unwrap().success());
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

fn full_disk(dir: &Path) {
    let binary = Path::new(env!("CARGO_BIN_EXE_bowline"));
    let gateway = Gateway::start(binary, &dir.join("data"), None).unwrap();
    let data = gateway.data_dir().to_str().unwrap().to_string();
    let line =
        format!("{{\"topic\":\"conv:welcome\",\"type\":\"x\",\"payload\":\"{}\"}}\n", "x".repeat(20_000));
    let output = ndjson(&data, &line.repeat(400), &[]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("507"), "{}", text(&output.stderr));
    let published = text(&output.stdout).lines().count();
    let token = bowline(&["token", "--account", "alice", "--data-dir", &data]);
    let answer =
        ureq::get(format!("http://{}/v1/topics/conv:welcome/events?after=0&limit=5", gateway.listen()))
            .header("authorization", format!("Bearer {}", text(&token.stdout).trim()))
            .call();
    assert_eq!(answer.unwrap().status().as_u16(), 200, "reading goes on");
    assert!(published > 0, "what was acknowledged before is printed");
}
