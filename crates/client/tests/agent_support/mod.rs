//! A server in memory whose script is the test itself, for virtual time: nothing here touches the operating system, so
//! a paused clock moves exactly when everything has been done.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of this module")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline::{
    AgentSocket, AgentSocketBuilder, CloseCode, Dial, DialFailure, DialRequest, Outgoing, Received,
};
use futures_util::{Sink, Stream};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

pub const EPOCH: &str = "00000000000000aa";

pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub const fn mins(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// The server's end of all sockets that one [`Wire`] dials.
pub struct Server {
    dials: mpsc::UnboundedReceiver<Attempt>,
    open: Arc<AtomicUsize>,
}

/// The dial of a test.
pub struct Wire {
    dials: mpsc::UnboundedSender<Attempt>,
    open: Arc<AtomicUsize>,
}

/// A dial that waits for the test's decision.
pub struct Attempt {
    pub at: Instant,
    pub uri: String,
    pub authorization: Option<String>,
    answer: oneshot::Sender<Result<ClientEnd, DialFailure>>,
    open: Arc<AtomicUsize>,
}

pub fn wire() -> (Wire, Server) {
    let (sender, dials) = mpsc::unbounded_channel();
    let open = Arc::new(AtomicUsize::new(0));
    (Wire { dials: sender, open: open.clone() }, Server { dials, open })
}

/// A socket over a wire, and the server's end of it.
pub fn agent() -> (AgentSocketBuilder, Server) {
    let (wire, server) = wire();
    (AgentSocket::builder("ws://gateway.test").token_provider("t0ken").socket_factory(wire), server)
}

impl Dial for Wire {
    type Socket = ClientEnd;

    async fn dial(&self, request: DialRequest) -> Result<ClientEnd, DialFailure> {
        let (answer, decided) = oneshot::channel();
        let authorization = request.authorization().map(|value| value.to_str().unwrap().to_owned());
        let attempt = Attempt {
            at: Instant::now(),
            uri: request.uri().to_owned(),
            authorization,
            answer,
            open: self.open.clone(),
        };
        self.dials.send(attempt).unwrap();
        match decided.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Server {
    /// The next dial, for which time may pass.
    pub async fn dialled(&mut self) -> Attempt {
        let long = Duration::from_secs(30 * 24 * 3600);
        tokio::time::timeout(long, self.dials.recv()).await.expect("a dial comes").expect("the wire is held")
    }

    /// The next dial, opened.
    pub async fn opened(&mut self) -> Peer {
        self.dialled().await.open()
    }

    /// The next dial, opened and accepted by a server that knows the plain layer only.
    pub async fn plain(&mut self) -> Peer {
        let mut peer = self.opened().await;
        peer.accept_plain();
        peer
    }

    /// No dial for this long.
    pub async fn is_quiet_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.dials.recv()).await.is_err()
    }

    /// Sockets that the client holds.
    pub fn open_sockets(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Attempt {
    pub fn open(self) -> Peer {
        let (to_client, incoming) = mpsc::unbounded_channel();
        let (outgoing, from_client) = mpsc::unbounded_channel();
        self.open.fetch_add(1, Ordering::SeqCst);
        let end = ClientEnd { incoming, outgoing, echo: to_client.clone(), open: self.open };
        assert!(self.answer.send(Ok(end)).is_ok(), "the dial was given up");
        Peer { uri: self.uri, to_client, from_client }
    }

    /// Opens and accepts, unless the dial has been given up meanwhile.
    pub fn try_open_plain(self) -> Option<Peer> {
        if self.is_given_up() {
            return None;
        }
        let (to_client, incoming) = mpsc::unbounded_channel();
        let (outgoing, from_client) = mpsc::unbounded_channel();
        self.open.fetch_add(1, Ordering::SeqCst);
        let end = ClientEnd { incoming, outgoing, echo: to_client.clone(), open: self.open };
        // Given up at this very moment: the end comes back and is dropped.
        self.answer.send(Ok(end)).ok()?;
        let mut peer = Peer { uri: self.uri, to_client, from_client };
        peer.accept_plain();
        Some(peer)
    }

    pub fn fail(self) {
        let failure = DialFailure::Temporary { retry_after: None, message: "scripted".into() };
        let _ = self.answer.send(Err(failure));
    }

    pub fn unauthorized(self) {
        let _ = self.answer.send(Err(DialFailure::Unauthorized));
    }

    /// The client does not wait for this dial any more.
    pub fn is_given_up(&self) -> bool {
        self.answer.is_closed()
    }
}

/// What the client holds.
pub struct ClientEnd {
    incoming: mpsc::UnboundedReceiver<Received>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    /// The server answers a close frame at once.
    echo: mpsc::UnboundedSender<Received>,
    open: Arc<AtomicUsize>,
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stream for ClientEnd {
    type Item = Received;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        self.incoming.poll_recv(cx)
    }
}

impl Sink<Outgoing> for ClientEnd {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, outgoing: Outgoing) -> io::Result<()> {
        if let Outgoing::Close(code) = outgoing {
            let _ = self.echo.send(Received::Closed(code));
        }
        let _ = self.outgoing.send(outgoing);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The server's end of one socket.
pub struct Peer {
    pub uri: String,
    to_client: mpsc::UnboundedSender<Received>,
    from_client: mpsc::UnboundedReceiver<Outgoing>,
}

impl Peer {
    pub fn say(&self, frame: &Value) {
        self.say_text(&frame.to_string());
    }

    pub fn say_text(&self, text: &str) {
        let _ = self.to_client.send(Received::Text(text.to_owned().into()));
    }

    pub fn close(&self, code: u16) {
        let _ = self.to_client.send(Received::Closed(CloseCode(code)));
    }

    pub fn accept_plain(&mut self) {
        self.say(&json!({"action": "connection.accepted"}));
    }

    pub fn accept(&mut self, seq: u64) {
        self.say(&accepted(seq, false));
    }

    pub fn reject(&self, reason: &str) {
        self.say(&json!({"action": "connection.rejected", "reason": reason, "message": "scripted"}));
    }

    /// Expects a resume, and goes on where it says.
    pub async fn accept_resume(&mut self) -> Value {
        assert!(self.uri.contains("resume=1"), "{}", self.uri);
        let resume = self.expect("resume").await;
        self.say(&accepted(resume["seq"].as_u64().unwrap(), true));
        resume
    }

    pub fn event(&self, seq: u64, prev: u64) {
        self.say(&event(seq, prev));
    }

    /// The next frame; `None` when the client has closed or dropped the socket.
    pub async fn frame(&mut self) -> Option<Value> {
        match self.from_client.recv().await? {
            Outgoing::Text(text) => Some(serde_json::from_str(&text).unwrap()),
            Outgoing::Close(_) => None,
        }
    }

    /// The next frame with this action, past others.
    pub async fn expect(&mut self, action: &str) -> Value {
        loop {
            match self.frame().await {
                Some(frame) if frame["action"] == action => return frame,
                Some(_) => {}
                None => panic!("{action} was awaited, the client closed"),
            }
        }
    }

    /// Everything that has been sent by now.
    pub fn sent(&mut self) -> Vec<Value> {
        let mut sent = Vec::new();
        while let Ok(outgoing) = self.from_client.try_recv() {
            if let Outgoing::Text(text) = outgoing {
                sent.push(serde_json::from_str(&text).unwrap());
            }
        }
        sent
    }

    /// Waits until the client closes; its code, or `None` when it just dropped the socket.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.from_client.recv().await {
                Some(Outgoing::Close(code)) => return Some(code.0),
                Some(Outgoing::Text(_)) => {}
                None => return None,
            }
        }
    }

    /// The client has neither closed nor dropped the socket by now.
    pub fn is_open(&self) -> bool {
        !self.to_client.is_closed()
    }
}

pub fn accepted(seq: u64, resumed: bool) -> Value {
    json!({
        "action": "connection.accepted", "connectionId": "k", "sessionId": "secret-session", "resumed": resumed,
        "epoch": EPOCH, "seq": seq, "features": ["resume", "drain"],
    })
}

pub fn event(seq: u64, prev: u64) -> Value {
    json!({
        "type": "note", "timestamp": "2026-11-22T01:02:03.456Z", "topic": "conv:c1",
        "seq": seq, "prev": prev, "payload": {"n": seq},
    })
}

/// What handlers noted.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    #[allow(clippy::needless_pass_by_value, reason = "so that a note may be written in place")]
    pub fn add(&self, note: impl ToString) {
        self.0.lock().unwrap().push(note.to_string());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Notes every state of `socket`.
    pub fn states(socket: &AgentSocket) -> Notes {
        let notes = Notes::default();
        let inside = notes.clone();
        socket.on_state_change(move |state| inside.add(state)).detach();
        notes
    }
}

/// Lets everything happen that can happen without time passing.
pub async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Fails unless every task ends by itself without time passing.
pub async fn no_tasks() {
    for _ in 0..64 {
        if tasks() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} tasks are left", tasks());
}

pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
