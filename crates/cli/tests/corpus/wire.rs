//! A TCP connection to the gateway that hides nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use crate::gateway::PATIENCE;

/// The connection, and what has come and was not looked at yet.
pub(crate) struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then(|| value.trim()))
    }

    /// The stable code of a problem document.
    pub(crate) fn code(&self) -> Option<String> {
        let is_problem = self.header("content-type") == Some("application/problem+json");
        let document: Value = serde_json::from_str(&self.body).ok()?;
        let agrees = document["status"] == self.status && document["detail"].is_string();
        (is_problem && agrees).then(|| document["code"].as_str().map(str::to_owned))?
    }
}

impl Wire {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Wire { stream, bytes: Vec::new() }
    }

    /// The account socket of a token's account, accepted.
    pub(crate) fn accepted(addr: SocketAddr, token: &str) -> Result<Self, String> {
        let mut wire = Wire::connect(addr);
        wire.send(
            format!(
                "GET /agent HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
            )
            .as_bytes(),
        );
        let answer = wire.answer()?;
        if answer.status != 101 {
            return Err(format!("no socket: {} {}", answer.status, answer.body));
        }
        match wire.frame()? {
            Some((1, text)) if text.starts_with(b"{\"action\":\"connection.accepted\"") => Ok(wire),
            other => Err(format!("not accepted: {other:?}")),
        }
    }

    /// Sends; a peer that has closed already is no failure, since it may still be read.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn send_in_single_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]);
        }
    }

    /// Nothing more will be sent.
    pub(crate) fn end(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer: its body, when it is an error or announces a length.
    pub(crate) fn answer(&mut self) -> Result<Answer, String> {
        let end = loop {
            if let Some(at) = self.bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more()? {
                return Err(format!("ended within an answer: {:?}", String::from_utf8_lossy(&self.bytes)));
            }
        };
        let head: Vec<u8> = self.bytes.drain(..end).collect();
        let head = String::from_utf8(head).map_err(|error| error.to_string())?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("no answer: {head:?}"))?;
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.bytes.len() < length {
            if !self.more()? {
                return Err("ended within a body".to_owned());
            }
        }
        let body: Vec<u8> = self.bytes.drain(..length).collect();
        answer.body = String::from_utf8(body).map_err(|error| error.to_string())?;
        Ok(answer)
    }

    /// The next WebSocket frame; `None` at the end of the stream.
    pub(crate) fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Some(frame));
            }
            if !self.more()? {
                return if self.bytes.is_empty() { Ok(None) } else { Err("ended within a frame".to_owned()) };
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        let [first, second, rest @ ..] = &self.bytes[..] else { return Ok(None) };
        if first & 0xF0 != 0x80 || second & 0x80 != 0 {
            return Err(format!("the gateway sent a frame that begins with {first:#04x} {second:#04x}"));
        }
        let (length, header) = match (second, rest) {
            (126, [high, low, ..]) => (u64::from(u16::from_be_bytes([*high, *low])), 4),
            (127, length) if length.len() >= 8 => (u64::from_be_bytes(length[..8].try_into().unwrap()), 10),
            (126 | 127, _) => return Ok(None),
            (short, _) => (u64::from(*short), 2),
        };
        let (opcode, end) = (first & 0x0F, header + usize::try_from(length).unwrap());
        if self.bytes.len() < end {
            return Ok(None);
        }
        let payload = self.bytes[header..end].to_vec();
        self.bytes.drain(..end);
        Ok(Some((opcode, payload)))
    }

    /// Reads what is there; false at the end.
    fn more(&mut self) -> Result<bool, String> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(read) => {
                self.bytes.extend_from_slice(&buffer[..read]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err("reset".to_owned()),
            Err(error) => Err(format!("nothing came: {error}")),
        }
    }
}
