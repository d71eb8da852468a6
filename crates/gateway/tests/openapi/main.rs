//! Each operation of `docs/openapi.yaml` answers as the document says: its successes and its failures, from a real gateway.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod api;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use api::{Api, DOCUMENT, Operation};
use bowline_gateway::Gateway;
use bowline_log::{Appended, Batch, LogStore, MemoryStore, SegmentConfig, Status, StoreError};
use bowline_proto::{Account, Epoch, Page, Query, Record, Seq, Timestamp, Topic};
use support::http::{Answer, raw, request};
use support::ws::bearer;
use support::{builder, config, operator, token};

/// What no test can bring about without waiting for long or taking a machine's memory.
const NOT_DRIVEN: [(u16, &str); 2] = [(408, "body_timeout"), (503, "log_busy")];
/// What opens a WebSocket.
const UPGRADE: [&str; 4] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];
const SOCKETS: [&str; 5] = ["openRoot", "openAccount", "openChat", "openTranscript", "openNotifications"];

/// A path of the operation that nobody objects to.
fn good_path(id: &str) -> &'static str {
    match id {
        "openRoot" => "/",
        "openAccount" => "/agent",
        "openChat" => "/chats/t1",
        "openTranscript" => "/workspaces/w1/transcripts/t1",
        "openNotifications" => "/notifications",
        "issueTicket" => "/v1/tickets",
        "publish" => "/v1/events",
        "readTopic" => "/v1/topics/conv:c1/events",
        "grant" | "revoke" => "/v1/accounts/alice/topics/conv:c1",
        "disconnect" => "/v1/accounts/alice/disconnect",
        other => panic!("no path of {other}"),
    }
}

/// A store that can't do what is asked of it.
#[derive(Debug)]
struct Broken(MemoryStore, fn() -> StoreError);

impl LogStore for Broken {
    fn append(&self, _: &[Batch], _: Timestamp) -> Result<Vec<Appended>, StoreError> {
        Err((self.1)())
    }

    fn commit(&self) -> Result<Arc<[Record]>, StoreError> {
        self.0.commit()
    }

    fn read(&self, _: &Query) -> Result<Page, StoreError> {
        Err((self.1)())
    }

    fn grants(&self, account: &Account) -> (Vec<Topic>, Seq) {
        self.0.grants(account)
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn retain(&self, now: Timestamp) -> Result<Seq, StoreError> {
        self.0.retain(now)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.0.close()
    }
}

async fn broken(why: fn() -> StoreError) -> (Gateway, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(Epoch::from_bits(1), SegmentConfig::default());
    let gateway = builder(dir.path()).store(Arc::new(Broken(store, why))).start().await.unwrap();
    (gateway, dir)
}

/// A gateway whose pages come from one origin.
async fn start() -> (Gateway, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.allowed_origins = vec!["https://app.example.com".into()];
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    (gateway, dir)
}

#[tokio::test]
async fn every_answer_that_the_document_promises_is_given_as_it_says() {
    let mut api = Api::read();
    drive_tickets(&mut api).await;
    drive_publishing(&mut api).await;
    drive_history(&mut api).await;
    drive_accounts(&mut api).await;
    drive_sockets(&mut api).await;
    drive_admin(&mut api).await;
    drive_a_log_that_fails(&mut api).await;
    let promised = api.promised();
    let not_promised: Vec<_> = api.seen.difference(&promised).collect();
    assert!(not_promised.is_empty(), "{not_promised:?}");
    let not_driven: BTreeSet<(u16, &str)> = promised
        .difference(&api.seen)
        .map(|(_, status, code)| (*status, code.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(not_driven, BTreeSet::from(NOT_DRIVEN));
    // Which codes stand at which answer is compared above.
    let properties = api.properties().into_iter().filter(|property| !property.ends_with("/properties/code"));
    let never_had: Vec<String> = properties.filter(|property| !api.had.contains(property)).collect();
    assert!(never_had.is_empty(), "{never_had:?}");
}

async fn drive_tickets(api: &mut Api) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let auth = bearer(&token("alice"));
    let good = r#"{"path":"/agent"}"#;
    let answer = api.call("issueTicket", addr, "/v1/tickets", &[&auth], good).await;
    assert_eq!(answer.status, 201);
    for (headers, body, status) in [
        (vec![&*auth], "{", 400),
        (vec![], good, 401),
        (vec!["Authorization: Bearer nonsense"], good, 401),
        (vec![&*auth], r#"{"path":"/chats/t1"}"#, 403),
        (vec![&*auth], r#"{"path":"/nothing"}"#, 404),
        (vec![&*auth], &format!(r#"{{"path":"/{}"}}"#, "x".repeat(9000)), 413),
    ] {
        let answer = api.call("issueTicket", addr, "/v1/tickets", &headers, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // The first is unused as well.
    for _ in 1..100 {
        assert_eq!(api.call("issueTicket", addr, "/v1/tickets", &[&auth], good).await.status, 201);
    }
    assert_eq!(api.call("issueTicket", addr, "/v1/tickets", &[&auth], good).await.status, 429);
    bad_body(api, "issueTicket", addr, &auth).await;
}

/// A body that breaks off.
async fn bad_body(api: &mut Api, id: &str, addr: SocketAddr, auth: &str) {
    let Operation { method, .. } = api.operation(id);
    let path = good_path(id);
    let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{auth}\r\n");
    let answer = raw(addr, format!("{head}Transfer-Encoding: chunked\r\n\r\nno length\r\n").as_bytes()).await;
    assert_eq!((answer.status, &*answer.code()), (400, "bad_body"));
    api.hold(id, &answer);
}

async fn drive_publishing(api: &mut Api) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let auth = bearer(&operator());
    let one = r#"{"topic":"conv:a","type":"x","payload":{"a":1}}"#;
    let long = format!(r#"{{"topic":"conv:a","type":"x","payload":"{}"}}"#, "x".repeat(66_000));
    let deep = format!(r#"{{"topic":"conv:a","type":"x","payload":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    for (body, status, code) in [
        (one, 201, ""),
        (
            r#"{"topics":["conv:a","conv:b"],"type":"x","payload":null,"timestamp":"2026-01-31T13:00:00+01:00"}"#,
            201,
            "",
        ),
        (
            r#"[{"topic":"conv:a","type":"x","payload":1},{"topic":"conv_ondemand:a","type":"y","payload":2,"ephemeral":true}]"#,
            201,
            "",
        ),
        (r#"{"topic":"conv_ondemand:a","type":"y","payload":2,"ephemeral":true}"#, 202, ""),
        (r#"[{"topic":"conv_ondemand:a","type":"y","payload":2,"ephemeral":true}]"#, 202, ""),
        ("{", 400, "bad_json"),
        ("[]", 400, "no_events"),
        (r#"{"type":"x","payload":1}"#, 400, "no_topic"),
        (r#"{"topic":"nonsense","type":"x","payload":1}"#, 400, "invalid_topic"),
        (r#"{"topic":"conv:a","type":"","payload":1}"#, 400, "invalid_type"),
        (r#"{"topic":"conv:a","type":"x","payload":1,"timestamp":"yesterday"}"#, 400, "invalid_timestamp"),
        (r#"{"topic":"conv_ondemand:a","type":"x","payload":1}"#, 400, "on_demand_topic"),
        (&deep, 400, "bad_payload"),
        (&long, 413, "too_large"),
    ] {
        let answer = api.call("publish", addr, "/v1/events", &[&auth], body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(status < 300 || answer.code() == code, "{answer:?}");
    }
    for (headers, status) in [
        (vec![], 401),
        (vec![bearer(&token("alice"))], 403),
        (vec![auth.clone(), format!("Idempotency-Key: {}", "k".repeat(256))], 400),
        (vec![auth.clone(), "Idempotency-Key: two words".to_owned()], 400),
        (vec![auth.clone(), "Idempotency-Key: k1".to_owned()], 201),
        (vec![auth.clone(), "Idempotency-Key: k1".to_owned()], 201),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = api.call("publish", addr, "/v1/events", &headers, one).await;
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
    }
    let other = r#"{"topic":"conv:b","type":"x","payload":1}"#;
    let answer = api.call("publish", addr, "/v1/events", &[&auth, "Idempotency-Key: k1"], other).await;
    assert_eq!(answer.status, 422);
    bad_body(api, "publish", addr, &auth).await;
}

async fn drive_history(api: &mut Api) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let auth = bearer(&operator());
    for at in 0..3 {
        let body = format!(r#"{{"topic":"conv:a","type":"x","payload":{at}}}"#);
        assert_eq!(api.call("publish", addr, "/v1/events", &[&auth], &body).await.status, 201);
    }
    let path = "/v1/topics/conv:a/events";
    let whole = api.call("readTopic", addr, path, &[&auth], "").await.json();
    assert_eq!((whole["events"].as_array().unwrap().len(), whole.get("next")), (3, None));
    let part = api.call("readTopic", addr, &format!("{path}?after=1&before=3&limit=1"), &[&auth], "").await;
    assert_eq!(part.json()["events"][0]["payload"], 1);
    let part = api.call("readTopic", addr, &format!("{path}?limit=1"), &[&auth], "").await.json();
    assert_eq!(part["next"], 1);
    let lost =
        api.call("readTopic", addr, &format!("{path}?after=2&epoch=00000000000000ff"), &[&auth], "").await;
    assert_eq!(lost.json()["gaps"][0]["reason"], "epoch", "{lost:?}");
    for (path, headers, status, code) in [
        ("/v1/topics/conv:a/events?after=x", vec![&*auth], 400, "bad_query"),
        ("/v1/topics/conv:a/events?after=9007199254740992", vec![&*auth], 400, "bad_query"),
        ("/v1/topics/conv:a/events?epoch=1", vec![&*auth], 400, "bad_query"),
        ("/v1/topics/nonsense/events", vec![&*auth], 400, "invalid_topic"),
        ("/v1/topics/conv_ondemand:a/events", vec![&*auth], 400, "on_demand_topic"),
        ("/v1/topics/conv:a/events", vec![], 401, "unauthorized"),
        ("/v1/topics/conv:a/events", vec![&*bearer(&token("alice"))], 403, "forbidden"),
    ] {
        let answer = api.call("readTopic", addr, path, &headers, "").await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{path}");
    }
}

async fn drive_accounts(api: &mut Api) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let auth = bearer(&operator());
    let alice = bearer(&token("alice"));
    for id in ["grant", "revoke"] {
        let long = format!("/v1/accounts/{}/topics/conv:c1", "x".repeat(129));
        for (path, headers, status) in [
            (good_path(id), vec![&*auth], 200),
            (&*long, vec![&*auth], 400),
            ("/v1/accounts/alice/topics/nonsense", vec![&*auth], 400),
            ("/v1/accounts/alice/topics/conv_ondemand:c1", vec![&*auth], 400),
            (good_path(id), vec![], 401),
            (good_path(id), vec![&*alice], 403),
        ] {
            assert_eq!(api.call(id, addr, path, &headers, "").await.status, status, "{path}");
        }
    }
    let long = format!("/v1/accounts/{}/disconnect", "x".repeat(129));
    let reason = format!(r#"{{"reason":"{}"}}"#, "x".repeat(9000));
    let path = good_path("disconnect");
    for (path, headers, body, status) in [
        (path, vec![&*auth], "", 204),
        (path, vec![&*auth], r#"{"reason":"a key was stolen"}"#, 204),
        (path, vec![&*auth], "{", 400),
        (&*long, vec![&*auth], "", 400),
        (path, vec![], "", 401),
        (path, vec![&*alice], "", 403),
        (path, vec![&*auth], &*reason, 413),
    ] {
        assert_eq!(api.call("disconnect", addr, path, &headers, body).await.status, status, "{path}");
    }
    bad_body(api, "disconnect", addr, &auth).await;
}

async fn drive_sockets(api: &mut Api) {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let topics = ["chat:t1", "transcript:w1:t1"];
    let auth = bearer(&support::claiming("alice", &topics));
    for id in SOCKETS {
        let path = good_path(id);
        let good = format!("GET {path} HTTP/1.1\r\nHost: test\r\n{auth}\r\n{}\r\n\r\n", UPGRADE.join("\r\n"));
        let opened = upgrade(addr, &good).await;
        assert_eq!(opened.status, 101);
        api.hold(id, &opened);
        for (head, status, code) in [
            (good.replace("Sec-WebSocket-Key", "X-Key"), 400, "bad_upgrade"),
            (good.replace("Host: test", "Content-Length: 5"), 400, "bad_request"),
            (good.replace("Host: test", "Origin: https://evil.example.com"), 403, "origin_not_allowed"),
            (good.replace("Version: 13", "Version: 8"), 426, "upgrade_required"),
        ] {
            let answer = raw(addr, head.as_bytes()).await;
            assert_eq!((answer.status, &*answer.code()), (status, code), "{head}");
            api.hold(id, &answer);
        }
        let plain = api.call(id, addr, path, &[&auth], "").await;
        assert_eq!((plain.status, &*plain.code()), (426, "upgrade_required"));
    }
    for path in ["/chats/%0A", "/workspaces/a%3Ab/transcripts/c"] {
        let answer = request(addr, "GET", path, &[&auth], "").await;
        assert_eq!((answer.status, &*answer.code()), (404, "unknown_path"), "{path} makes no topic");
    }
    // A socket that stays makes the drain last.
    let (_bob, _) = support::ws::Socket::accepted(addr, &token("bob")).await;
    let admin = gateway.admin_addr().unwrap();
    let draining = tokio::spawn(async move { gateway.drain(std::time::Duration::from_secs(1)).await });
    while request(admin, "GET", "/readyz", &[], "").await.status == 200 {
        tokio::task::yield_now().await;
    }
    for id in SOCKETS {
        let mut headers: Vec<&str> = UPGRADE.to_vec();
        headers.push(&auth);
        let head =
            format!("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n\r\n", good_path(id), headers.join("\r\n"));
        let answer = raw(addr, head.as_bytes()).await;
        assert_eq!((answer.status, &*answer.code()), (503, "draining"));
        api.hold(id, &answer);
    }
    let answer = api.call("readReadiness", admin, "/readyz", &[], "").await;
    assert_eq!(answer.status, 503);
    draining.await.unwrap();
}

/// Sends `head` and reads the head of the answer only.
async fn upgrade(addr: SocketAddr, head: &str) -> Answer {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let read =
            tokio::time::timeout(support::PATIENCE, stream.read_buf(&mut bytes)).await.unwrap().unwrap();
        assert!(read > 0, "the answer ended early");
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: String::new() }
}

async fn drive_admin(api: &mut Api) {
    let (gateway, _dir) = start().await;
    let admin = gateway.admin_addr().unwrap();
    for (id, path) in [("readHealth", "/healthz"), ("readReadiness", "/readyz"), ("readMetrics", "/metrics")]
    {
        assert_eq!(api.call(id, admin, path, &[], "").await.status, 200);
    }
    let served = api.call("readOpenApi", gateway.addr(), "/v1/openapi.yaml", &[], "").await;
    assert!(served.body == DOCUMENT, "what is served is what docs/ has");
}

async fn drive_a_log_that_fails(api: &mut Api) {
    let auth = bearer(&operator());
    let body = r#"{"topic":"conv:a","type":"x","payload":1}"#;
    let failed: fn() -> StoreError = || StoreError::Failed(std::io::Error::other("the device is gone"));
    for (why, status) in [(failed, 503), (|| StoreError::Full, 507)] {
        for (id, body) in [("publish", body), ("grant", ""), ("revoke", "")] {
            // A log that failed is closed: each request gets its own.
            let (gateway, _dir) = broken(why).await;
            let answer = api.call(id, gateway.addr(), good_path(id), &[&auth], body).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
    }
    let (gateway, _dir) = broken(failed).await;
    let answer = api.call("readTopic", gateway.addr(), good_path("readTopic"), &[&auth], "").await;
    assert_eq!((answer.status, &*answer.code()), (503, "log_unavailable"));
}

#[tokio::test]
async fn what_any_request_may_get_is_as_the_document_says() {
    let mut api = Api::read();
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let auth = bearer(&operator());
    let headers = "a: b\r\n".repeat(100);
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{auth}\r\n\r\n");
    for (bytes, status) in [
        ("\u{16}\u{3}\u{1} no HTTP\r\n\r\n".to_owned(), 400),
        (get("/v1/topics/%FF/events"), 400),
        (get("/v1/nothing"), 404),
        (get("/v1/events"), 405),
        (format!("GET / HTTP/1.1\r\n{headers}\r\n"), 431),
    ] {
        let answer = raw(addr, bytes.as_bytes()).await;
        assert_eq!(answer.status, status, "{answer:?}");
        api.hold_to(&format!("/x-anywhere/{status}"), &answer, "");
    }
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).max_connections(1).start().await.unwrap();
    let _seat = support::ws::Socket::accepted(gateway.addr(), &token("alice")).await;
    let answer = raw(gateway.addr(), get("/v1/nothing").as_bytes()).await;
    api.hold_to("/x-anywhere/503", &answer, "");
    let listed: BTreeSet<u16> =
        api.document["x-anywhere"].as_object().unwrap().keys().map(|key| key.parse().unwrap()).collect();
    assert_eq!(api.seen.iter().map(|(_, status, _)| *status).collect::<BTreeSet<_>>(), listed);
}

#[tokio::test]
async fn a_path_of_the_document_has_its_methods_and_no_other() {
    let api = Api::read();
    let (gateway, _dir) = start().await;
    let auth = bearer(&operator());
    let paths: BTreeSet<&str> = api
        .operations
        .iter()
        .map(|operation| &*operation.template)
        .filter(|path| path.starts_with("/v1/"))
        .collect();
    for template in paths {
        let path = template.replace("{topic}", "conv:a").replace("{account}", "alice");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let is_listed = api
                .operations
                .iter()
                .any(|operation| operation.template == template && operation.method == method);
            let answer = request(gateway.addr(), method, &path, &[&auth], "").await;
            assert_ne!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.status != 405, is_listed, "{method} {path}");
        }
    }
}
