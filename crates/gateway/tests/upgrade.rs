//! Who gets a socket, and what everybody else is told.

mod support;

use std::time::Duration;

use bowline_gateway::auth::Scopes;
use serde_json::json;
use support::http::{call, grant, request};
use support::ws::{End, Socket, bearer};
use support::{builder, claiming, config, mint, operator, start, token};

/// Every credential that opens nothing is told so on the socket.
async fn is_rejected(addr: std::net::SocketAddr, path: &str, headers: &[&str], reason: &str) {
    let mut socket = Socket::open(addr, path, headers).await;
    let told = socket.json().await;
    assert_eq!(told["action"], "connection.rejected", "{path}");
    assert_eq!(told["reason"], reason, "{path}");
    assert!(told["message"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(socket.end().await, End::Closed(4501), "{path}");
    assert_eq!(socket.end().await, End::Cut, "{path}");
}

#[tokio::test]
async fn a_bad_or_missing_credential_is_told_on_the_socket_and_closed_with_4501() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let good = token("alice");
    let (head, _) = good.rsplit_once('.').unwrap();
    let unsigned = format!("{head}.");
    is_rejected(addr, "/agent", &[], "UNAUTHORIZED").await;
    is_rejected(addr, "/agent?token=nonsense", &[], "UNAUTHORIZED").await;
    is_rejected(addr, &format!("/agent?token={unsigned}"), &[], "UNAUTHORIZED").await;
    is_rejected(addr, "/?ticket=nonsense", &[], "UNAUTHORIZED").await;
    // The first credential that is there decides: a good token behind a bad header does not help.
    is_rejected(addr, &format!("/agent?token={good}"), &["Authorization: Bearer x"], "UNAUTHORIZED").await;
}

#[tokio::test]
async fn a_path_whose_topic_is_closed_to_the_account_is_forbidden_until_it_is_granted() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let token = token("alice");
    is_rejected(addr, "/chats/t1", &[&bearer(&token)], "FORBIDDEN").await;
    grant(addr, "alice", "chat:t1").await;
    let mut socket = Socket::open(addr, "/chats/t1", &[&bearer(&token)]).await;
    assert_eq!(socket.json().await["action"], "connection.accepted");
    let own = Socket::open(addr, "/notifications", &[&bearer(&token)]).await.json().await;
    assert_eq!(own["action"], "connection.accepted");
}

#[tokio::test]
async fn what_is_wrong_before_the_upgrade_gets_its_http_status() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.allowed_origins = vec!["https://app.example.com".into()];
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    let addr = gateway.addr();
    let auth = bearer(&token("alice"));
    let unknown = Socket::try_open(addr, "/nowhere", &[&auth]).await.unwrap_err();
    assert!(unknown.starts_with("HTTP/1.1 404 ") && unknown.contains("unknown_path"), "{unknown}");
    let foreign = ["Origin: https://evil.example.com", auth.as_str()];
    let foreign = Socket::try_open(addr, "/agent", &foreign).await.unwrap_err();
    assert!(foreign.starts_with("HTTP/1.1 403 ") && foreign.contains("origin_not_allowed"), "{foreign}");
    let known = ["Origin: https://app.example.com", auth.as_str()];
    assert_eq!(Socket::open(addr, "/agent", &known).await.json().await["action"], "connection.accepted");
    for path in ["/agent", "/", "/chats/t1"] {
        let answer = request(addr, "GET", path, &[&auth], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (426, "upgrade_required"), "{path}");
        assert!(answer.has("upgrade: websocket"));
    }
    let nothing = request(addr, "GET", "/nowhere", &[&auth], "").await;
    assert_eq!((nothing.status, nothing.code().as_str()), (404, "unknown_path"));
}

#[tokio::test]
async fn a_token_in_the_url_can_be_switched_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.token_in_url = false;
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    is_rejected(gateway.addr(), &format!("/agent?token={}", token("alice")), &[], "UNAUTHORIZED").await;
    Socket::accepted(gateway.addr(), &token("alice")).await;
}

#[tokio::test]
async fn a_ticket_opens_one_socket_on_its_path_once() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let buy = async || {
        let answer = call(addr, &token("alice"), "POST", "/v1/tickets", r#"{"path":"/agent"}"#).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(answer.has("cache-control: no-store"));
        assert_eq!(answer.json()["expiresIn"], 30);
        answer.json()["ticket"].as_str().unwrap().to_owned()
    };
    let ticket = buy().await;
    let mut socket = Socket::open(addr, &format!("/agent?ticket={ticket}"), &[]).await;
    assert_eq!(socket.json().await["action"], "connection.accepted");
    is_rejected(addr, &format!("/agent?ticket={ticket}"), &[], "UNAUTHORIZED").await;
    let header = format!("Authorization: Ticket {}", buy().await);
    let mut socket = Socket::open(addr, "/agent", &[&header]).await;
    assert_eq!(socket.json().await["action"], "connection.accepted");
    let elsewhere = buy().await;
    is_rejected(addr, &format!("/notifications?ticket={elsewhere}"), &[], "UNAUTHORIZED").await;
}

#[tokio::test]
async fn a_ticket_that_is_late_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.ticket_ttl = Duration::from_millis(20);
    let gateway = builder(dir.path()).config(config).start().await.unwrap();
    let addr = gateway.addr();
    let answer = call(addr, &token("alice"), "POST", "/v1/tickets", r#"{"path":"/agent"}"#).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    let ticket = answer.json()["ticket"].as_str().unwrap().to_owned();
    is_rejected(addr, &format!("/agent?ticket={ticket}"), &[], "UNAUTHORIZED").await;
}

#[tokio::test]
async fn a_ticket_is_sold_for_paths_that_the_account_may_open() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    for (who, path, status, code) in [
        ("", "/agent", 401, "unauthorized"),
        ("alice", "/nowhere", 404, "unknown_path"),
        ("alice", "/chats/t1", 403, "forbidden"),
    ] {
        let headers = if who.is_empty() { Vec::new() } else { vec![bearer(&token(who))] };
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let body = json!({ "path": path }).to_string();
        let answer = request(addr, "POST", "/v1/tickets", &headers, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    let claimed = claiming("alice", &["chat:t*"]);
    let answer = call(addr, &claimed, "POST", "/v1/tickets", r#"{"path":"/chats/t1"}"#).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn an_upgrade_on_a_connection_that_carried_http_before_works_too() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (gateway, _dir) = start().await;
    let mut stream = tokio::net::TcpStream::connect(gateway.addr()).await.unwrap();
    stream.write_all(b"GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    let mut bytes = vec![0; 4096];
    let read = stream.read(&mut bytes).await.unwrap();
    assert!(bytes[..read].starts_with(b"HTTP/1.1 404"));
    let upgrade = format!(
        "GET /agent?token={} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        token("alice")
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("connection.accepted") {
        let read = tokio::time::timeout(support::PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    assert!(seen.starts_with("HTTP/1.1 101"), "{seen}");
}

#[tokio::test]
async fn an_operator_without_the_scope_may_not() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let publisher = mint(|token| token.scopes = Scopes { publish: true, admin: false }, "p");
    for (method, path) in [
        ("PUT", "/v1/accounts/a/topics/conv:c1"),
        ("DELETE", "/v1/accounts/a/topics/conv:c1"),
        ("POST", "/v1/accounts/a/disconnect"),
    ] {
        let answer = call(addr, &publisher, method, path, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "missing_scope"), "{method} {path}");
    }
    let answer = call(addr, &token("alice"), "POST", "/v1/events", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "missing_scope"));
    let answer = call(addr, &operator(), "PATCH", "/v1/events", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
}
