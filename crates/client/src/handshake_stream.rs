//! How the WebSocket crate is kept from reading beyond the answer to its handshake.
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

const HEAD_END: &[u8] = b"\r\n\r\n";

/// A stream that makes a pause in reading behind the first empty line.
#[derive(Debug)]
pub(crate) struct HandshakeStream<S> {
    inner: S,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    /// The answer; so many bytes of its end have been seen.
    Head(usize),
    /// What came with the answer's end.
    Rest(Bytes),
    /// Straight from the stream.
    Stream,
}

impl<S> HandshakeStream<S> {
    pub(crate) fn new(inner: S) -> Self {
        HandshakeStream { inner, reading: Reading::Head(0) }
    }
}

/// How many bytes of `bytes` belong to the head of whose end `seen` bytes came before, and how many bytes of the end
/// have been seen then.
fn head_of(bytes: &[u8], mut seen: usize) -> (usize, usize) {
    for (at, byte) in bytes.iter().enumerate() {
        seen = match (HEAD_END[seen] == *byte, byte) {
            (true, _) => seen + 1,
            (false, b'\r') => 1,
            (false, _) => 0,
        };
        if seen == HEAD_END.len() {
            return (at + 1, seen);
        }
    }
    (bytes.len(), seen)
}

impl<S: AsyncRead + Unpin> AsyncRead for HandshakeStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.reading {
            Reading::Stream => Pin::new(&mut self.inner).poll_read(cx, buf),
            Reading::Rest(rest) => {
                let taken = rest.len().min(buf.remaining());
                buf.put_slice(&rest[..taken]);
                rest.advance(taken);
                if rest.is_empty() {
                    self.reading = Reading::Stream;
                }
                Poll::Ready(Ok(()))
            }
            Reading::Head(seen) => {
                let seen = *seen;
                let mut bytes = [0; READ_BYTES];
                // No more than is asked for, so that all of the head fits.
                let mut read = ReadBuf::new(&mut bytes[..buf.remaining().min(READ_BYTES)]);
                ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
                let (head, seen) = head_of(read.filled(), seen);
                let (head, rest) = read.filled().split_at(head);
                buf.put_slice(head);
                self.reading = match (seen == HEAD_END.len(), rest.is_empty()) {
                    (false, _) => Reading::Head(seen),
                    (true, true) => Reading::Stream,
                    (true, false) => Reading::Rest(Bytes::copy_from_slice(rest)),
                };
                Poll::Ready(Ok(()))
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
