//! A WebSocket client that sends whatever bytes a test wants and hides nothing that comes back.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// A socket after its handshake.
#[derive(Debug)]
pub struct Socket {
    pub stream: TcpStream,
    bytes: Vec<u8>,
    /// Answers the gateway's pings, as every real client does.
    pub answers_pings: bool,
}

/// What ended a socket.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// A close frame with this code.
    Closed(u16),
    /// The stream ended without one.
    Cut,
}

impl Socket {
    /// Opens `path`; panics with the answer when it is not 101.
    pub async fn open(addr: SocketAddr, path: &str, headers: &[&str]) -> Socket {
        Socket::try_open(addr, path, headers).await.unwrap_or_else(|answer| panic!("refused: {answer}"))
    }

    /// Opens `path`, or returns the answer that refused it.
    pub async fn try_open(addr: SocketAddr, path: &str, headers: &[&str]) -> Result<Socket, String> {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        );
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        loop {
            let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await.unwrap().unwrap();
            let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            match head_end {
                Some(end) if bytes.starts_with(b"HTTP/1.1 101") => {
                    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                    // The example of RFC 6455, section 1.3.
                    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
                    bytes.drain(..end + 4);
                    return Ok(Socket { stream, bytes, answers_pings: true });
                }
                Some(_) if read == 0 => return Err(String::from_utf8(bytes).unwrap()),
                None if read == 0 => panic!("the stream ended inside the answer"),
                Some(_) | None => {}
            }
        }
    }

    /// Opens the account socket of `token`'s account and waits until it is accepted.
    pub async fn accepted(addr: SocketAddr, token: &str) -> (Socket, Value) {
        let mut socket = Socket::open(addr, "/agent", &[&bearer(token)]).await;
        let accepted = socket.json().await;
        assert_eq!(accepted["action"], "connection.accepted", "{accepted}");
        (socket, accepted)
    }

    /// Opens the account socket with a cursor.
    pub async fn resumed(addr: SocketAddr, token: &str, resume: Value) -> (Socket, Value) {
        let mut socket = Socket::open(addr, "/agent?resume=1", &[&bearer(token)]).await;
        let mut frame = json!({"action": "resume"});
        frame.as_object_mut().unwrap().extend(resume.as_object().unwrap().clone());
        socket.send(&frame).await;
        let accepted = socket.json().await;
        (socket, accepted)
    }

    /// Sends a JSON frame.
    pub async fn send(&mut self, frame: &Value) {
        self.send_frame(0x80 | TEXT, frame.to_string().as_bytes()).await;
    }

    /// Sends a masked frame with this first byte.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send_raw(&masked(first, payload)).await;
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next text frame.
    pub async fn json(&mut self) -> Value {
        match self.next().await {
            Ok((TEXT, payload)) => serde_json::from_slice(&payload).unwrap(),
            other => panic!("expected a text frame, got {other:?}"),
        }
    }

    /// The next event; steering frames before it are skipped.
    pub async fn event(&mut self) -> Value {
        loop {
            let frame = self.json().await;
            if frame.get("type").is_some() {
                return frame;
            }
        }
    }

    /// The next frame with this action; others before it are skipped.
    pub async fn action(&mut self, action: &str) -> Value {
        loop {
            let frame = self.json().await;
            if frame["action"] == action {
                return frame;
            }
        }
    }

    /// Reads to the end.
    pub async fn end(&mut self) -> End {
        loop {
            match self.next().await {
                Ok((CLOSE, payload)) => return End::Closed(u16::from_be_bytes([payload[0], payload[1]])),
                Ok(_) => {}
                Err(end) => return end,
            }
        }
    }

    /// Nothing but pings comes for `a_while`.
    pub async fn is_quiet(&mut self, a_while: Duration) -> bool {
        tokio::time::timeout(a_while, self.next()).await.is_err()
    }

    /// The next frame that is no ping.
    pub async fn next(&mut self) -> Result<(u8, Vec<u8>), End> {
        loop {
            if let Some((opcode, payload)) = self.take_frame() {
                if opcode == PING && self.answers_pings {
                    self.send_frame(0x80 | PONG, &payload).await;
                    continue;
                }
                return Ok((opcode, payload));
            }
            let read =
                timeout(PATIENCE, self.stream.read_buf(&mut self.bytes)).await.expect("a frame in time");
            if read.map_or(true, |read| read == 0) {
                return Err(End::Cut);
            }
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, rest) = self.bytes.split_first()?;
        let (&length, rest) = rest.split_first()?;
        assert_eq!(first & 0xF0, 0x80, "the server fragments nothing and sets no reserved bit");
        let (length, header) = match length {
            126 => (usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().unwrap())), 4),
            127 => (usize::try_from(u64::from_be_bytes(rest.get(..8)?.try_into().unwrap())).unwrap(), 10),
            short => (usize::from(short), 2),
        };
        let payload = self.bytes.get(header..header + length)?.to_vec();
        self.bytes.drain(..header + length);
        Some((first & 0x0F, payload))
    }
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// A client's frame.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 11, 13, 17];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    bytes
}
