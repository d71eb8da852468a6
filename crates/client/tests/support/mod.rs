//! A small WebSocket server whose script is the test itself: each accepted socket is handed to the test as a [`Peer`].

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of this module")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline::{Connection, Event, Incoming, IncomingStream, Notice, Topic};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Longer than anything here takes on a busy machine; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const EPOCH: &str = "00000000000000aa";

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// How the next request is answered, where it is not by the default.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

#[derive(Default)]
struct Script {
    upgrades: VecDeque<Answer>,
    tickets: VecDeque<Answer>,
    /// Every request's head, in order.
    seen: Vec<String>,
}

pub struct Server {
    port: u16,
    peers: mpsc::Receiver<Peer>,
    script: Arc<Mutex<Script>>,
    listening: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Server {
        Server::with_tls(None).await
    }

    pub async fn with_tls(tls: Option<TlsAcceptor>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(Mutex::new(Script::default()));
        let (sender, peers) = mpsc::channel(16);
        let shared = script.clone();
        let listening = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (sender, script, tls) = (sender.clone(), shared.clone(), tls.clone());
                tokio::spawn(async move {
                    let io: Box<dyn Io> = match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                        None => Box::new(stream),
                    };
                    if let Some(peer) = serve(io, &script).await {
                        let _ = sender.send(peer).await;
                    }
                });
            }
        });
        Server { port, peers, script, listening }
    }

    pub fn url(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next upgrade gets this HTTP status.
    pub fn refuse_upgrade(&self, status: u16) {
        let answer = Answer { status, headers: Vec::new(), body: String::new() };
        self.script.lock().unwrap().upgrades.push_back(answer);
    }

    /// The next ticket request gets this answer.
    pub fn answer_ticket(&self, status: u16, body: &str) {
        let answer = Answer { status, headers: Vec::new(), body: body.to_owned() };
        self.script.lock().unwrap().tickets.push_back(answer);
    }

    /// Heads of all requests so far.
    pub fn seen(&self) -> Vec<String> {
        self.script.lock().unwrap().seen.clone()
    }

    pub async fn next(&mut self) -> Peer {
        soon(self.peers.recv()).await.expect("the server runs")
    }

    /// True when no socket came within `time`.
    pub async fn is_quiet_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.peers.recv()).await.is_err()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Reads the request's head; upgrades, refuses or sells a ticket.
async fn serve(mut io: Box<dyn Io>, script: &Mutex<Script>) -> Option<Peer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head.clone()).unwrap();
    let answer = {
        let mut script = script.lock().unwrap();
        script.seen.push(text.clone());
        match text.starts_with("POST /v1/tickets ") {
            true => Some(script.tickets.pop_front().unwrap_or(Answer {
                status: 404,
                headers: Vec::new(),
                body: String::new(),
            })),
            false => script.upgrades.pop_front(),
        }
    };
    if let Some(answer) = answer {
        let mut response = format!(
            "HTTP/1.1 {} Scripted\r\ncontent-length: {}\r\nconnection: close\r\n",
            answer.status,
            answer.body.len()
        );
        for (name, value) in answer.headers {
            response.push_str(&format!("{name}: {value}\r\n"));
        }
        response.push_str("\r\n");
        response.push_str(&answer.body);
        io.write_all(response.as_bytes()).await.ok()?;
        io.flush().await.ok()?;
        // Read what is left of the request, so that closing does not reset the answer away.
        let mut rest = [0; 1024];
        let _ = tokio::time::timeout(Duration::from_millis(200), io.read(&mut rest)).await;
        return None;
    }
    upgrade(Box::new(Replay { head, io }), text).await
}

/// Upgrades `io` as a server.
pub async fn upgrade(io: Box<dyn Io>, head: String) -> Option<Peer> {
    let socket = tokio_tungstenite::accept_async(io).await.ok()?;
    Some(Peer { socket, head })
}

/// A stream with the request's head put back.
struct Replay {
    head: Vec<u8>,
    io: Box<dyn Io>,
}

impl AsyncRead for Replay {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.head.is_empty() {
            return std::pin::Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let n = self.head.len().min(buffer.remaining());
        buffer.put_slice(&self.head[..n]);
        self.head.drain(..n);
        std::task::Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The server's end of one socket.
pub struct Peer {
    pub socket: WebSocketStream<Box<dyn Io>>,
    /// The head of the upgrade request.
    pub head: String,
}

impl Peer {
    /// Path and query of the request.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn authorization(&self) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("authorization").then(|| value.trim())
        })
    }

    pub async fn say(&mut self, frame: &Value) {
        self.say_text(&frame.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        soon(self.socket.send(Message::text(text.to_owned()))).await.unwrap();
    }

    pub async fn accept_plain(&mut self) {
        self.say(&json!({"action": "connection.accepted"})).await;
    }

    /// A gateway's acceptance of a fresh link, at `head`.
    pub async fn accept(&mut self, head: u64) {
        self.say(&accepted(head, false)).await;
    }

    /// A gateway's acceptance of a resumed link: expects the resume first and answers with its cursor.
    pub async fn accept_resume(&mut self) -> Value {
        assert!(self.target().contains("resume=1"), "{}", self.target());
        let resume = self.expect("resume").await;
        let seq = resume["seq"].as_u64().unwrap();
        self.say(&accepted(seq, true)).await;
        resume
    }

    pub async fn event(&mut self, seq: u64, prev: u64) {
        self.say(&event(seq, prev)).await;
    }

    /// The next frame with this action; pings are answered on the way.
    pub async fn expect(&mut self, action: &str) -> Value {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["action"] == action {
                        return frame;
                    }
                    if frame["action"] == "ping" {
                        self.say(&json!({"action": "pong"})).await;
                    }
                }
                Some(Ok(_)) => {}
                other => panic!("{action} was awaited, {other:?} came"),
            }
        }
    }

    /// The client's close code, after answering it; `None` when the socket just ended.
    pub async fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(Ok(message)) = soon(self.socket.next()).await {
            if let Message::Close(frame) = message {
                code = frame.map(|frame| frame.code.into());
            }
        }
        code
    }

    pub async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        soon(self.socket.close(Some(frame))).await.unwrap();
        let _ = self.closed().await;
    }
}

pub fn accepted(seq: u64, resumed: bool) -> Value {
    json!({
        "action": "connection.accepted", "connectionId": "k", "sessionId": "secret-session", "resumed": resumed,
        "epoch": EPOCH, "seq": seq, "heartbeatMs": 15000, "maxDurationMs": 7_200_000, "features": ["resume", "drain"],
    })
}

pub fn event(seq: u64, prev: u64) -> Value {
    json!({
        "type": "message.new", "timestamp": "2026-11-22T01:02:03.456Z", "topic": "conv:c1",
        "seq": seq, "prev": prev, "payload": {"n": seq},
    })
}

pub fn topic(text: &str) -> Topic {
    Topic::new(text).unwrap()
}

/// Fails the test when it takes too long.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens soon")
}

/// The next event, past everything else.
pub async fn next_event(events: &mut IncomingStream) -> Event {
    soon(async {
        loop {
            match events.next().await {
                Some(Incoming::Event(event)) => return event,
                Some(Incoming::Gap(gap)) => panic!("an unexpected gap: {gap:?}"),
                Some(Incoming::Moved(_) | Incoming::Notice(_)) => {}
                None => panic!("the stream ended before an event came"),
            }
        }
    })
    .await
}

/// The seqs of the next `n` events.
pub async fn next_seqs(events: &mut IncomingStream, n: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    for _ in 0..n {
        seqs.push(next_event(events).await.place.expect("the event is logged").seq.get());
    }
    seqs
}

/// The next notice that `pick` takes.
pub async fn next_notice<T>(events: &mut IncomingStream, mut pick: impl FnMut(&Notice) -> Option<T>) -> T {
    soon(async {
        loop {
            match events.next().await {
                Some(Incoming::Notice(notice)) => {
                    if let Some(found) = pick(&notice) {
                        return found;
                    }
                }
                Some(_) => {}
                None => panic!("the stream ended before the notice came"),
            }
        }
    })
    .await
}

/// A connection whose retries do not make a test wait.
pub fn quick(url: String) -> bowline::ConnectionBuilder {
    let step = Duration::from_millis(5);
    Connection::builder(url).backoff(step, step)
}
