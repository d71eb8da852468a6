//! Start, refuse to start, drain, stop, and what the admin listener tells meanwhile.

mod support;

use std::time::Duration;

use bowline_gateway::StartError;
use bowline_log::StoreError;
use serde_json::json;
use support::http::{publish, request};
use support::ws::{End, Socket};
use support::{PATIENCE, builder, config, start, token, until};

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (first, _dir) = start().await;
    let dir = tempfile::tempdir().unwrap();
    let refused = builder(dir.path()).listen(first.addr()).start().await.unwrap_err();
    assert!(matches!(refused, StartError::PortTaken { addr, option: "listen" } if addr == first.addr()));
    assert!(refused.to_string().contains(&first.addr().to_string()));
    let refused = builder(dir.path()).admin(Some(first.addr())).start().await.unwrap_err();
    assert!(matches!(refused, StartError::PortTaken { option: "admin", .. }));
}

#[tokio::test]
async fn a_data_dir_of_another_gateway_is_refused_until_that_one_stops() {
    let dir = tempfile::tempdir().unwrap();
    let first = builder(dir.path()).start().await.unwrap();
    let refused = builder(dir.path()).start().await.unwrap_err();
    assert!(matches!(refused, StartError::Log(StoreError::Locked { .. })), "{refused}");
    assert!(refused.to_string().contains(dir.path().to_str().unwrap()), "{refused}");
    first.stop().await;
    builder(dir.path()).start().await.unwrap();
}

#[tokio::test]
async fn a_data_dir_that_is_no_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let refused = builder(&file).start().await.unwrap_err();
    assert!(matches!(refused, StartError::Log(StoreError::Unusable { .. })), "{refused}");
}

#[tokio::test]
async fn a_gateway_without_a_token_key_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.auth.key = None;
    assert!(matches!(builder(dir.path()).config(config).start().await.unwrap_err(), StartError::Config(_)));
}

#[tokio::test]
async fn a_drain_announces_itself_refuses_new_sockets_and_ends_when_all_have_left() {
    let (gateway, _dir) = start().await;
    let (addr, admin) = (gateway.addr(), gateway.admin_addr().unwrap());
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    let draining = tokio::spawn(async move {
        gateway.drain(Duration::from_secs(5)).await;
        gateway
    });
    let told = alice.action("connection.draining").await;
    assert_eq!(told["reason"], "shutdown");
    assert!(told["slotMs"].as_u64().unwrap() <= told["deadlineMs"].as_u64().unwrap());
    let refused = Socket::try_open(addr, "/agent", &[]).await.unwrap_err();
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("Retry-After: 1"), "{refused}");
    assert_eq!(request(admin, "GET", "/readyz", &[], "").await.status, 503);
    assert_eq!(request(admin, "GET", "/healthz", &[], "").await.status, 200);
    publish(addr, "user:alice", "1").await;
    assert_eq!(alice.event().await["payload"], 1, "a draining gateway still delivers");
    alice.send_frame(0x80 | support::ws::CLOSE, &1000u16.to_be_bytes()).await;
    assert_eq!(alice.end().await, End::Closed(1000));
    let gateway = tokio::time::timeout(Duration::from_secs(3), draining).await.unwrap().unwrap();
    gateway.stop().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn who_does_not_leave_within_the_window_is_closed_with_4003() {
    let (gateway, _dir) = start().await;
    let (mut alice, _) = Socket::accepted(gateway.addr(), &token("alice")).await;
    let draining = tokio::spawn(async move { gateway.drain(Duration::from_millis(200)).await });
    assert_eq!(alice.end().await, End::Closed(4003));
    drop(alice);
    tokio::time::timeout(PATIENCE, draining).await.unwrap().unwrap();
}

#[tokio::test]
async fn metrics_are_open_metrics_and_count() {
    let (gateway, _dir) = start().await;
    let (addr, admin) = (gateway.addr(), gateway.admin_addr().unwrap());
    let (mut alice, _) = Socket::accepted(addr, &token("alice")).await;
    publish(addr, "user:alice", "1").await;
    alice.event().await;
    until("the delivery is counted", || gateway.stats().deliveries == 1).await;
    let answer = request(admin, "GET", "/metrics", &[], "").await;
    assert!(answer.has("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(answer.body.ends_with("# EOF\n"));
    for line in [
        "bowline_sockets 1",
        "bowline_live 1",
        "bowline_log_head 1",
        "bowline_deliveries_total 1",
        "bowline_events_published_total 1",
        "bowline_http_requests_total{code=\"201\"} 1",
        "bowline_append_seconds_count 1",
        "bowline_links_accepted_total 1",
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line} is missing in\n{}", answer.body);
    }
    let unknown = request(admin, "GET", "/v1/events", &[], "").await;
    assert_eq!(unknown.status, 404, "the API is not on the admin listener");
}

#[tokio::test]
async fn sockets_over_tls_work_like_the_others() {
    use std::path::PathBuf;
    use std::sync::Arc;

    use bowline_gateway::config::TlsFiles;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.tls = Some(TlsFiles { cert: fixtures.join("tls-cert.pem"), key: fixtures.join("tls-key.pem") });
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    assert!(gateway.url().starts_with("https://127.0.0.1:"));
    // Both shards, so that at least one of the sockets is handed over between threads.
    for name in ["a", "b", "c", "d", "e", "f"] {
        let client =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(support::tls::Trusting))
                .with_no_client_auth();
        let stream = tokio::net::TcpStream::connect(gateway.addr()).await.unwrap();
        let name_on_it = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut stream =
            tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name_on_it, stream).await.unwrap();
        let upgrade = format!(
            "GET /agent?token={} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            token(name)
        );
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let mut seen = String::new();
        let mut read_until = async |stream: &mut tokio_rustls::client::TlsStream<_>, what: &str| {
            let mut bytes = [0; 4096];
            while !seen.contains(what) {
                let read = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
                assert!(read > 0, "{seen}");
                seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        read_until(&mut stream, "connection.accepted").await;
        let event = bowline_log::NewEvent {
            topic: support::topic(&format!("user:{name}")),
            kind: "x".into(),
            payload: json!("over tls").to_string().into(),
            timestamp: bowline_proto::Timestamp(0),
        };
        gateway.publish(vec![event], None).await.unwrap();
        read_until(&mut stream, "over tls").await;
    }
}
