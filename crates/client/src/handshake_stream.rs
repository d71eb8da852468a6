//! How the WebSocket crate is kept from reading beyond the answer to its handshake, and from seeing in how many pieces it came.
//!
//! It takes an answer in many small pieces for an attack, which a slow or slicing network is not: so it gets the answer as a whole.
//! What is held for that is bounded; so is the time, by the dial's deadline.
//!
//! What it has read beyond becomes its read buffer, and a buffer that started as a few bytes is never replaced by a larger one
//! than 1 KiB: a read call for every four events. Given a stream that stops behind the answer, a socket can be made
//! anew around it, with a buffer of the size that was asked for.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Read at once while the answer lasts: an answer has some 200 bytes.
const READ_BYTES: usize = 1024;

/// An answer beyond this is handed on as it is, in bytes. The crate refuses it: its own limit is as large.
const MOST_HEAD_BYTES: usize = 64 * 1024;

/// A stream that reads up to the first empty line before it says anything, and makes a pause behind it.
#[derive(Debug)]
pub(crate) struct HandshakeStream<S> {
    inner: S,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    /// The answer so far.
    Head { came: Vec<u8>, line: Line },
    /// The answer, as far as it has not been handed on, and what came with its end.
    HandOn { head: Bytes, rest: Bytes },
    /// Straight from the stream.
    Stream,
}

impl<S> HandshakeStream<S> {
    pub(crate) fn new(inner: S) -> Self {
        HandshakeStream { inner, reading: Reading::Head { came: Vec::new(), line: Line::First } }
    }
}

/// Where in its lines a head stands. Lines end with a line feed; a carriage return before it is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Before the first one: empty lines there end nothing.
    First,
    Inside,
    /// A line has ended.
    Ended,
    /// A carriage return stands behind the end of a line.
    EndedAndReturned,
    /// An empty line has ended: what follows is not the head any more.
    Empty,
}

impl Line {
    fn after(self, byte: u8) -> Line {
        match (self, byte) {
            (Line::Empty, _) | (Line::Ended | Line::EndedAndReturned, b'\n') => Line::Empty,
            (Line::First, b'\r' | b'\n') => Line::First,
            (Line::Inside, b'\n') => Line::Ended,
            (Line::Ended, b'\r') => Line::EndedAndReturned,
            (Line::First | Line::Inside | Line::Ended | Line::EndedAndReturned, _) => Line::Inside,
        }
    }
}

/// How many bytes of `bytes` belong to the head, and where in its lines it stands then.
fn head_of(bytes: &[u8], mut line: Line) -> (usize, Line) {
    for (at, byte) in bytes.iter().enumerate() {
        line = line.after(*byte);
        if line == Line::Empty {
            return (at + 1, line);
        }
    }
    (bytes.len(), line)
}

impl<S: AsyncRead + Unpin> AsyncRead for HandshakeStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let HandshakeStream { inner, reading } = &mut *self;
        loop {
            match reading {
                Reading::Stream => return Pin::new(inner).poll_read(cx, buf),
                Reading::HandOn { head, rest } => {
                    let next = if head.is_empty() { rest } else { head };
                    if next.is_empty() {
                        *reading = Reading::Stream;
                        continue;
                    }
                    let taken = next.len().min(buf.remaining());
                    buf.put_slice(&next[..taken]);
                    next.advance(taken);
                    return Poll::Ready(Ok(()));
                }
                Reading::Head { came, line } => {
                    let mut bytes = [0; READ_BYTES];
                    let mut read = ReadBuf::new(&mut bytes);
                    ready!(Pin::new(&mut *inner).poll_read(cx, &mut read))?;
                    let read = read.filled();
                    let (head, end) = head_of(read, *line);
                    let before = came.len();
                    came.extend_from_slice(read);
                    *line = end;
                    if end == Line::Empty || read.is_empty() || came.len() > MOST_HEAD_BYTES {
                        let mut head_on = Bytes::from(core::mem::take(came));
                        let rest = head_on.split_off(before + head);
                        *reading = Reading::HandOn { head: head_on, rest };
                    }
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HandshakeStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// Hands out what it has in pieces of one size.
    struct Pieces(Bytes, usize);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let taken = self.1.min(buf.remaining()).min(self.0.len());
            buf.put_slice(&self.0.split_to(taken));
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn an_answer_is_handed_on_as_a_whole_however_it_came() {
        for head in
            ["HTTP/1.1 101 x\r\nA: b\r\n\r\n", "HTTP/1.1 101 x\nA: b\n\n", "\r\n\r\nHTTP/1.1 101 x\r\n\n"]
        {
            for piece in 1..=head.len() {
                let mut stream = HandshakeStream::new(Pieces(Bytes::from(format!("{head}frames")), piece));
                let mut bytes = [0; 100];
                let count = stream.read(&mut bytes).await.unwrap();
                assert_eq!(&bytes[..count], head.as_bytes(), "pieces of {piece}");
            }
        }
        let endless = Bytes::from(vec![b'x'; MOST_HEAD_BYTES + 5000]);
        let mut stream = HandshakeStream::new(Pieces(endless.clone(), 700));
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, endless);
    }

    #[tokio::test]
    async fn reading_pauses_behind_the_answer_wherever_it_is_cut() {
        let head = "HTTP/1.1 101 x\r\nA: \r\r\nB: c\r\n\r\n";
        let text = format!("{head}frames\r\n\r\nmore");
        for piece in 1..=text.len() {
            for asked in 1..=text.len() {
                let mut stream = HandshakeStream::new(Pieces(Bytes::from(text.clone()), piece));
                let mut bytes = vec![0; asked];
                let mut read = Vec::new();
                while read.len() < head.len() {
                    let count = stream.read(&mut bytes).await.unwrap();
                    read.extend_from_slice(&bytes[..count]);
                }
                assert_eq!(read, head.as_bytes(), "pieces of {piece}, {asked} asked for");
                stream.read_to_end(&mut read).await.unwrap();
                assert_eq!(read, text.as_bytes(), "pieces of {piece}, {asked} asked for");
            }
        }
    }
}
