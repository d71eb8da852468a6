//! The load: many subscribers on one thread, one epoll, no copy of what they read.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fd::OwnedFd;

use super::process::failed;
use crate::failure::Failure;

/// Subscribers that count the messages they get.
pub(super) struct Subscribers {
    epoll: OwnedFd,
    sockets: Vec<TcpStream>,
    frames: Vec<Frames>,
    /// Messages per subscriber since it was connected, steering frames included.
    pub(super) messages: Vec<u32>,
    /// Bytes read by all of them since the last look, WebSocket headers included.
    pub(super) bytes: u64,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
}

/// The upgrade request of one socket.
pub(super) fn upgrade(addr: SocketAddr, path: &str, token: &str) -> Vec<u8> {
    let authorization =
        if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: \
         dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{authorization}\r\n"
    )
    .into_bytes()
}

/// Sends the request and reads the answer's head; returns what came behind it.
pub(super) fn shake_hands(socket: &mut TcpStream, request: &[u8]) -> Result<Vec<u8>, Failure> {
    socket.write_all(request).map_err(failed)?;
    read_head(socket)
}

pub(super) fn read_head(socket: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let n = socket.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            return Err(failed(format!("closed in the handshake: {}", String::from_utf8_lossy(&head))));
        }
        head.extend_from_slice(&buffer[..n]);
        if let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") {
            if !head.starts_with(b"HTTP/1.1 101") {
                return Err(failed(String::from_utf8_lossy(&head).into_owned()));
            }
            return Ok(head.split_off(end + 4));
        }
    }
}

impl Subscribers {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Subscribers {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?,
            sockets: Vec::new(),
            frames: Vec::new(),
            messages: Vec::new(),
            bytes: 0,
            buffer: vec![0; 256 * 1024],
            events: Vec::with_capacity(1024),
        })
    }

    /// Connects one for each request, many handshakes under way at once.
    pub(super) fn connect(&mut self, addr: SocketAddr, requests: &[Vec<u8>]) -> Result<(), Failure> {
        for group in requests.chunks(64) {
            let first = self.sockets.len();
            for request in group {
                let mut socket = TcpStream::connect(addr).map_err(failed)?;
                socket.set_nodelay(true).map_err(failed)?;
                socket.write_all(request).map_err(failed)?;
                self.sockets.push(socket);
            }
            for index in first..self.sockets.len() {
                let socket = &mut self.sockets[index];
                let rest = read_head(socket)?;
                socket.set_nonblocking(true).map_err(failed)?;
                let data = epoll::EventData::new_u64(index as u64);
                epoll::add(&self.epoll, &*socket, data, epoll::EventFlags::IN).map_err(failed)?;
                let mut frames = Frames::default();
                self.messages.push(frames.feed(&rest));
                self.frames.push(frames);
            }
        }
        Ok(())
    }

    /// Reads what is there, waiting at most `patience`; `seen` is told the subscriber and how many messages came.
    pub(super) fn poll(
        &mut self,
        patience: Duration,
        mut seen: impl FnMut(usize, u32),
    ) -> Result<(), Failure> {
        let patience = rustix::event::Timespec::try_from(patience).map_err(failed)?;
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
        for event in &self.events {
            let index = event.data.u64() as usize;
            match self.sockets[index].read(&mut self.buffer) {
                Ok(0) => return Err(failed("the server closed a subscriber")),
                Ok(n) => {
                    let count = self.frames[index].feed(&self.buffer[..n]);
                    self.messages[index] += count;
                    self.bytes += n as u64;
                    seen(index, count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    /// Reads until nothing comes for `quiet`.
    pub(super) fn settle(&mut self, quiet: Duration) -> Result<(), Failure> {
        let mut last = Instant::now();
        while last.elapsed() < quiet {
            let mut is_busy = false;
            self.poll(Duration::from_millis(20), |_, n| is_busy |= n > 0)?;
            if is_busy {
                last = Instant::now();
            }
        }
        Ok(())
    }
}

/// Counts text messages in a server's byte stream without looking into them.
#[derive(Default)]
pub(super) struct Frames {
    header: [u8; 10],
    have: usize,
    left: u64,
}

impl Frames {
    /// How many text frames ended their header in `bytes` (a server of ours never fragments).
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> u32 {
        let mut texts = 0;
        while !bytes.is_empty() {
            let skip = self.left.min(bytes.len() as u64);
            self.left -= skip;
            bytes = &bytes[skip as usize..];
            while !bytes.is_empty() && self.left == 0 {
                self.header[self.have] = bytes[0];
                self.have += 1;
                bytes = &bytes[1..];
                let need = match (self.have, self.header[1] & 0x7f) {
                    (1, _) => continue,
                    (_, 126) => 4,
                    (_, 127) => 10,
                    _ => 2,
                };
                if self.have < need {
                    continue;
                }
                self.left = match need {
                    2 => u64::from(self.header[1] & 0x7f),
                    4 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
                    _ => u64::from_be_bytes(self.header[2..10].try_into().expect("eight bytes")),
                };
                if self.header[0] & 0x0f == 1 {
                    texts += 1;
                }
                self.have = 0;
            }
        }
        texts
    }
}

/// A publisher: HTTP to the gateway, WebSocket frames to the floor.
pub(super) enum Publisher {
    Http { socket: TcpStream, addr: SocketAddr, token: String, answer: Vec<u8> },
    Socket { socket: TcpStream },
}

impl Publisher {
    pub(super) fn http(addr: SocketAddr, token: String) -> Result<Self, Failure> {
        let socket = TcpStream::connect(addr).map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(Publisher::Http { socket, addr, token, answer: Vec::new() })
    }

    pub(super) fn socket(addr: SocketAddr) -> Result<Self, Failure> {
        let mut socket = TcpStream::connect(addr).map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        shake_hands(&mut socket, &upgrade(addr, "/publish", ""))?;
        Ok(Publisher::Socket { socket })
    }

    /// Sends `count` events whose payload is `payload` bytes of JSON text, without waiting for an answer.
    pub(super) fn publish(&mut self, topic: &str, payload: &str, count: usize) -> Result<(), Failure> {
        match self {
            Publisher::Http { socket, addr, token, answer } => {
                let event =
                    format!("{{\"topic\":\"{topic}\",\"type\":\"bench.event\",\"payload\":{payload}}}");
                let body = format!("[{}]", vec![event; count].join(","));
                let request = format!(
                    "POST /v1/events HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {token}\r\nContent-Type: \
                     application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                socket.set_nonblocking(false).map_err(failed)?;
                socket.write_all(request.as_bytes()).map_err(failed)?;
                socket.set_nonblocking(true).map_err(failed)?;
                check_answers(socket, answer)
            }
            Publisher::Socket { socket } => {
                // The floor sends on what it gets: the same envelope that the gateway would make around the payload.
                let text = format!(
                    "{{\"type\":\"bench.event\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"topic\":\"{topic}\",\"seq\":1000,\
                     \"prev\":999,\"payload\":{payload}}}"
                );
                socket.write_all(&masked(text.as_bytes()).repeat(count)).map_err(failed)
            }
        }
    }

    /// Answers that have come are read; anything but 201 is a failure of the run.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        match self {
            Publisher::Http { socket, answer, .. } => check_answers(socket, answer),
            Publisher::Socket { .. } => Ok(()),
        }
    }
}

fn check_answers(socket: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(), Failure> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return Err(failed("the gateway closed the publisher")),
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(failed(error)),
        }
    }
    while let Some(start) = answer.windows(9).position(|w| w == b"HTTP/1.1 ") {
        if answer.len() < start + 12 {
            break;
        }
        if &answer[start + 9..start + 12] != b"201" {
            return Err(failed(format!(
                "a publish was refused: {}",
                String::from_utf8_lossy(&answer[start..])
            )));
        }
        answer.drain(..start + 12);
    }
    Ok(())
}

fn masked(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    if text.len() < 126 {
        frame.push(0x80 | text.len() as u8);
    } else {
        frame.push(0x80 | 126);
        frame.extend_from_slice(&(text.len() as u16).to_be_bytes());
    }
    let mask = [1_u8, 2, 3, 4];
    frame.extend_from_slice(&mask);
    frame.extend(text.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

/// A JSON string of `bytes` bytes in all.
pub(super) fn payload(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_the_stream_is_cut() {
        let mut stream = vec![0x81, 3, b'a', b'b', b'c', 0x89, 0, 0x81, 126, 0, 200];
        stream.extend([b'x'; 200]);
        stream.extend([0x81, 0]);
        for cut in 0..stream.len() {
            let mut frames = Frames::default();
            let count = frames.feed(&stream[..cut]) + frames.feed(&stream[cut..]);
            assert_eq!(count, 3, "cut at {cut}");
        }
    }
}
