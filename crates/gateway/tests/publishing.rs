//! `POST /v1/events`, and everything that can be wrong with it.

mod support;

use std::sync::Arc;

use bowline_gateway::PublishError;
use bowline_log::{Appended, Batch, LogStore, MemoryStore, NewEvent, SegmentConfig, Status, StoreError};
use bowline_proto::{Account, Epoch, Page, Query, Record, Seq, Timestamp, Topic};
use serde_json::{Value, json};
use support::http::{Answer, call, request};
use support::ws::{Socket, bearer};
use support::{builder, operator, start, token, topic};

async fn post(addr: std::net::SocketAddr, body: &str) -> Answer {
    call(addr, &operator(), "POST", "/v1/events", body).await
}

#[tokio::test]
async fn one_event_an_array_and_several_topics_get_their_places() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let one = post(addr, r#"{"topic":"conv:a","type":"x","payload":{}}"#).await;
    assert_eq!(one.status, 201);
    assert_eq!(one.json()["seq"], 1);
    let both = post(addr, r#" [{"topic":"conv:a","type":"x","payload":1},{"topics":["conv:b","conv:c"],"type":"y","payload":null}]"#).await;
    let both = both.json();
    assert_eq!(both[0]["seq"], 2);
    assert_eq!((&both[1]["seq"], &both[1]["seqs"]), (&json!(4), &json!([3, 4])));
    assert_eq!(both[0]["epoch"], one.json()["epoch"]);
}

#[tokio::test]
async fn the_timestamp_of_a_publish_is_kept() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    let body = r#"{"topic":"user:alice","type":"x","payload":{"a": [1, 2]},"timestamp":"2026-01-31T13:00:00+01:00"}"#;
    assert_eq!(post(addr, body).await.status, 201);
    let event = alice.event().await;
    assert_eq!(event["timestamp"], "2026-01-31T12:00:00.000Z");
    assert_eq!((&event["type"], &event["payload"]), (&json!("x"), &json!({"a": [1, 2]})));
}

#[tokio::test]
async fn what_is_no_publish_is_told_why_and_nothing_is_appended() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let deep = format!(r#"{{"topic":"conv:a","type":"x","payload":{}{}}}"#, "[".repeat(50), "]".repeat(50));
    let half = format!(r#"{{"topic":"conv:a","type":"x","payload":"{}"}}"#, "x".repeat(66_000));
    let long_topic = format!(r#"{{"topic":"conv:{}","type":"x","payload":1}}"#, "x".repeat(300));
    for (body, status, code) in [
        ("", 400, "bad_json"),
        ("{", 400, "bad_json"),
        ("[]", 400, "no_events"),
        (r#"{"type":"x","payload":1}"#, 400, "no_topic"),
        (r#"{"topic":"conv:a","topics":["conv:b"],"type":"x","payload":1}"#, 400, "no_topic"),
        (r#"{"topic":"nonsense","type":"x","payload":1}"#, 400, "invalid_topic"),
        (&long_topic, 400, "invalid_topic"),
        (r#"{"topic":"conv:a","type":"","payload":1}"#, 400, "invalid_type"),
        (r#"{"topic":"conv:a","type":"x"}"#, 400, "bad_json"),
        (r#"{"topic":"conv:a","type":"x","payload":1,"timestamp":"yesterday"}"#, 400, "invalid_timestamp"),
        (r#"{"topic":"conv_ondemand:a","type":"x","payload":1}"#, 400, "on_demand_topic"),
        (
            r#"[{"topic":"conv:a","type":"x","payload":1},{"topic":"bad","type":"x","payload":1}]"#,
            400,
            "invalid_topic",
        ),
        (&deep, 400, "bad_payload"),
        (&half, 413, "too_large"),
    ] {
        let answer = post(addr, body).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{shown}: {answer:?}");
    }
    assert_eq!(post(addr, r#"{"topic":"conv:a","type":"x","payload":1}"#).await.json()["seq"], 1);
}

#[tokio::test]
async fn a_publish_of_a_mebibyte_is_refused_with_413() {
    let (gateway, _dir) = start().await;
    for size in [1 << 20, 3 << 20] {
        let body = format!(r#"{{"topic":"conv:a","type":"x","payload":"{}"}}"#, "x".repeat(size));
        let answer = post(gateway.addr(), &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    }
    let events: Vec<Value> =
        (0..1001).map(|_| json!({"topic": "conv:a", "type": "x", "payload": 1})).collect();
    let answer = post(gateway.addr(), &Value::from(events).to_string()).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn an_idempotency_key_makes_a_repetition_harmless_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).start().await.unwrap();
    let body = r#"{"topic":"conv:a","type":"x","payload":1}"#;
    let auth = bearer(&operator());
    let keyed = async |addr, key: &str, body: &str| {
        let key = format!("Idempotency-Key: {key}");
        request(addr, "POST", "/v1/events", &[&auth, &key], body).await
    };
    let first = keyed(gateway.addr(), "k1", body).await;
    assert_eq!(first.status, 201);
    let again = keyed(gateway.addr(), "k1", body).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    let other = keyed(gateway.addr(), "k1", r#"{"topic":"conv:a","type":"x","payload":2}"#).await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_key_reused"));
    let long = keyed(gateway.addr(), &"k".repeat(256), body).await;
    assert_eq!((long.status, long.code().as_str()), (400, "bad_idempotency_key"));
    gateway.stop().await;
    let gateway = builder(dir.path()).start().await.unwrap();
    let restarted = keyed(gateway.addr(), "k1", body).await;
    assert_eq!((restarted.status, &restarted.body), (201, &first.body));
    assert_eq!(keyed(gateway.addr(), "k2", body).await.json()["seq"], 2);
}

#[tokio::test]
async fn cors_follows_the_allowed_origins() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = support::config(dir.path());
    config.allowed_origins = vec!["https://app.example.com".into()];
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    let preflight = async |origin: &str| {
        let origin = format!("Origin: {origin}");
        let headers = [origin.as_str(), "Access-Control-Request-Method: POST"];
        request(gateway.addr(), "OPTIONS", "/v1/events", &headers, "").await
    };
    let allowed = preflight("https://app.example.com").await;
    assert_eq!(allowed.status, 204);
    assert!(allowed.has("access-control-allow-origin: https://app.example.com"), "{allowed:?}");
    assert!(allowed.has("access-control-allow-headers: authorization, content-type, idempotency-key"));
    assert!(!preflight("https://evil.example.com").await.has("access-control-allow-origin"));
}

/// A store on a device without room.
#[derive(Debug)]
struct FullStore(MemoryStore);

impl LogStore for FullStore {
    fn append(&self, _: &[Batch], _: Timestamp) -> Result<Vec<Appended>, StoreError> {
        Err(StoreError::Full)
    }

    fn commit(&self) -> Result<Arc<[Record]>, StoreError> {
        self.0.commit()
    }

    fn read(&self, query: &Query) -> Result<Page, StoreError> {
        self.0.read(query)
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

#[tokio::test]
async fn a_full_disk_is_told_507_and_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = FullStore(MemoryStore::new(Epoch::from_bits(1), SegmentConfig::default()));
    let gateway = builder(dir.path()).store(Arc::new(store)).start().await.unwrap();
    let addr = gateway.addr();
    let admin = gateway.admin_addr().unwrap();
    assert_eq!(request(admin, "GET", "/readyz", &[], "").await.status, 200);
    let answer = post(addr, r#"{"topic":"conv:a","type":"x","payload":1}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (507, "log_full"));
    let event =
        NewEvent { topic: topic("conv:a"), kind: "x".into(), payload: "1".into(), timestamp: Timestamp(0) };
    assert_eq!(gateway.publish(vec![event], None).await, Err(PublishError::Full));
    assert_eq!(request(admin, "GET", "/readyz", &[], "").await.status, 503);
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    alice.send(&json!({"action": "ping"})).await;
    assert_eq!(alice.json().await["action"], "pong");
    let read = call(addr, &operator(), "GET", "/v1/topics/conv:a/events", "").await;
    assert_eq!(read.status, 200);
}
