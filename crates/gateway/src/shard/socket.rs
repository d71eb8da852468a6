//! A socket that a shard reads and writes without waiting, whatever carries it.
//!
//! TCP is the fast path: one system call, nothing in between. TLS and sockets that a foreign HTTP server upgraded go
//! through their own poll functions and may hold written bytes back, so "all taken" and "all out" differ for them.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What carries a socket that is not plain TCP.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// A socket in the hands of the shard that serves it.
pub(crate) enum Socket {
    /// Plain TCP, registered with the shard's own reactor.
    Tcp(TcpStream),
    /// Anything else; its readiness may be driven by another thread's reactor.
    Carried(Box<dyn Carrier>),
}

/// A socket on its way to another shard: registered with no reactor where that is possible.
pub(crate) enum Detached {
    /// Plain TCP that stays on its thread.
    Here(TcpStream),
    /// Plain TCP, non-blocking.
    Tcp(std::net::TcpStream),
    /// Anything else: stays with the reactor it was made on, whose thread wakes the shard.
    Carried(Box<dyn Carrier>),
}

/// What became of a write that must not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes that the socket took.
    pub(crate) taken: usize,
    /// Everything taken so far has left the process.
    pub(crate) is_out: bool,
}

impl Socket {
    /// Takes a socket into the current thread's reactor. One that is new to it is awaited once: until the reactor has
    /// seen that it is writable, every write would be taken for blocked.
    pub(crate) async fn attach(socket: Detached) -> io::Result<Socket> {
        match socket {
            Detached::Here(stream) => Ok(Socket::Tcp(stream)),
            Detached::Tcp(stream) => {
                let stream = TcpStream::from_std(stream)?;
                stream.writable().await?;
                Ok(Socket::Tcp(stream))
            }
            Detached::Carried(carrier) => Ok(Socket::Carried(carrier)),
        }
    }

    /// Reads what is there.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Carried(carrier) => Pin::new(carrier).poll_read(cx, buf),
        }
    }

    /// Writes what the socket takes at once. A carrier's waker is not kept: whoever sees `is_out == false` polls again.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        match self {
            Socket::Tcp(stream) => match write_now(stream, bytes) {
                Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => Ok(Written { taken, is_out: taken == bytes.len() }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    Ok(Written { taken: 0, is_out: false })
                }
                Err(error) => Err(error),
            },
            Socket::Carried(_) => match self.poll_write_out(&mut Context::from_waker(Waker::noop()), bytes) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => Ok(Written { taken: 0, is_out: false }),
            },
        }
    }

    /// Writes and flushes; `Pending` (with the waker kept) only when nothing was taken and something is left.
    pub(crate) fn poll_write_out(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<Written>> {
        let mut taken = 0;
        while taken < bytes.len() {
            let polled = match self {
                Socket::Tcp(stream) => Pin::new(stream).poll_write(cx, &bytes[taken..]),
                Socket::Carried(carrier) => Pin::new(carrier).poll_write(cx, &bytes[taken..]),
            };
            match polled {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => taken += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(Written { taken, is_out: false })),
            }
        }
        let flushed = match self {
            Socket::Tcp(_) => Poll::Ready(Ok(())),
            Socket::Carried(carrier) => Pin::new(carrier).poll_flush(cx),
        };
        match flushed {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(Written { taken, is_out: true })),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending if taken == 0 => Poll::Pending,
            Poll::Pending => Poll::Ready(Ok(Written { taken, is_out: false })),
        }
    }

    /// Tells the peer that nothing more comes. What can't be told at once is told by the socket's end.
    pub(crate) fn shut_down_writes(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let _told = match self {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(&mut cx),
            Socket::Carried(carrier) => Pin::new(carrier).poll_shutdown(&mut cx),
        };
    }
}

/// Writes past the reactor's own record of what the socket is ready for: fan-out would touch that record, a cache line
/// or two, once for each socket. A full socket is tried again by the reactor, so that it learns of it.
#[cfg(target_os = "linux")]
fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    use rustix::io::Errno;
    use rustix::net::{SendFlags, send};
    match send(stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Err(Errno::AGAIN | Errno::INTR) => stream.try_write(bytes),
        sent => Ok(sent?),
    }
}

#[cfg(not(target_os = "linux"))]
fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.try_write(bytes)
}

impl Detached {
    /// Takes a TCP stream out of the current reactor.
    pub(crate) fn tcp(stream: TcpStream) -> io::Result<Detached> {
        stream.into_std().map(Detached::Tcp)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Socket::Tcp(_) => "Socket::Tcp",
            Socket::Carried(_) => "Socket::Carried",
        })
    }
}

impl fmt::Debug for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Detached::Here(_) => "Detached::Here",
            Detached::Tcp(_) => "Detached::Tcp",
            Detached::Carried(_) => "Detached::Carried",
        })
    }
}
