//! A server's side of a byte stream, told in advance: what it says is cut into pieces, what the client says is kept.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;
use std::sync::OnceLock;

use bowline::{CloseCode, Connection, Dial, DialFailure, DialRequest, Outgoing, Received};
use bowline_gateway::ws;
use futures_util::task::noop_waker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that is always ready.
#[derive(Debug)]
pub(crate) struct Wire {
    /// What the server says; `{accept}` in it becomes what proves that it has read the client's key.
    answer: Vec<u8>,
    said: usize,
    /// The most bytes of a read.
    piece: usize,
    /// What the client has said.
    pub(crate) heard: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(answer: Vec<u8>, piece: usize) -> Self {
        Wire { answer, said: 0, piece, heard: Vec::new() }
    }

    /// Puts the proof where the answer wants it.
    fn prove(&mut self) {
        const PLACE: &[u8] = b"{accept}";
        while let Some(at) = self.answer.windows(PLACE.len()).position(|window| window == PLACE) {
            let proof = ws::accept_key(&key_of(&self.heard)).into_bytes();
            self.answer.splice(at..at + PLACE.len(), proof);
        }
    }
}

/// The key of a client's upgrade request.
fn key_of(request: &[u8]) -> String {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(request).expect("our client writes HTTP");
    assert!(parsed.is_complete(), "our client asks before it reads");
    let key = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("sec-websocket-key"));
    String::from_utf8(key.expect("an upgrade has a key").value.to_vec()).expect("a key is base64")
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said == 0 {
            self.prove();
        }
        let end = self.answer.len().min(self.said + self.piece.min(buf.remaining()));
        buf.put_slice(&self.answer[self.said..end]);
        self.said = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.heard.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Waits for a future over a [`Wire`], which never has to be waited for.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    let waker = noop_waker();
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    for _ in 0..100_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    panic!("a future over a stream that is always ready does not end")
}

/// What a connection asks its dialer for.
pub(crate) fn dial_request() -> &'static DialRequest {
    static REQUEST: OnceLock<DialRequest> = OnceLock::new();
    REQUEST.get_or_init(|| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let url = "ws://gateway.example/agent";
            let builder = Connection::builder(url).message_limit(MESSAGE_LIMIT).dial(Catch(sender));
            let connection = builder.connect().expect("a good configuration");
            let _ = connection.ready().await;
        });
        receiver.recv().expect("a connection dials")
    })
}

/// The longest message that the client takes, in bytes.
pub(crate) const MESSAGE_LIMIT: usize = 300;

/// Refuses every dial and keeps what was asked for.
struct Catch(std::sync::mpsc::Sender<DialRequest>);

impl Dial for Catch {
    type Socket = Never;

    async fn dial(&self, request: DialRequest) -> Result<Never, DialFailure> {
        self.0.send(request).expect("somebody waits for it");
        Err(DialFailure::Refused { message: "only asked".to_owned() })
    }
}

/// No socket at all.
enum Never {}

impl futures_util::Stream for Never {
    type Item = Received;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Received>> {
        match *self {}
    }
}

impl futures_util::Sink<Outgoing> for Never {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn start_send(self: Pin<&mut Self>, _: Outgoing) -> io::Result<()> {
        match *self {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}

/// Everything that a socket says until it ends; an end without a close frame is `None`.
pub(crate) fn hear<S>(socket: S, most: usize) -> Vec<Option<Received>>
where
    S: futures_util::Stream<Item = Received>,
{
    use futures_util::StreamExt as _;
    let mut socket = pin!(socket);
    let mut heard = Vec::new();
    loop {
        assert!(heard.len() <= most, "a socket that says more than its bytes can hold");
        let received = at_once(socket.next());
        let is_over = matches!(received, None | Some(Received::Closed(_)));
        heard.push(received);
        if is_over {
            return heard;
        }
    }
}

/// A close code that no frame carried.
pub(crate) const NO_CODE: CloseCode = CloseCode::NO_STATUS;
