//! HTTP by hand: one request, one connection.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn code(&self) -> String {
        assert!(self.has("content-type: application/problem+json"), "{self:?}");
        self.json()["code"].as_str().unwrap().to_owned()
    }

    pub fn has(&self, header: &str) -> bool {
        self.head.to_ascii_lowercase().contains(&header.to_ascii_lowercase())
    }
}

/// Sends a request; `headers` are whole lines.
pub async fn request(addr: SocketAddr, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    raw(addr, text.as_bytes()).await
}

/// A request with a bearer token.
pub async fn call(addr: SocketAddr, token: &str, method: &str, path: &str, body: &str) -> Answer {
    request(addr, method, path, &[&format!("Authorization: Bearer {token}")], body).await
}

/// Publishes one event; returns its seq.
pub async fn publish(addr: SocketAddr, topic: &str, payload: &str) -> u64 {
    let body = format!(r#"{{"topic":"{topic}","type":"message.new","payload":{payload}}}"#);
    let answer = call(addr, &super::operator(), "POST", "/v1/events", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["seq"].as_u64().unwrap()
}

/// Grants `topic` to `account`.
pub async fn grant(addr: SocketAddr, account: &str, topic: &str) -> u64 {
    let path = format!("/v1/accounts/{account}/topics/{topic}");
    let answer = call(addr, &super::operator(), "PUT", &path, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["seq"].as_u64().unwrap()
}

/// Sends bytes and reads to the end.
pub async fn raw(addr: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
