//! A dial that tells when the first one begins, and writes the debug trace of its sockets.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::sync::Arc;

use bowline_client_core::DialFailure;
use futures_core::Stream;
use futures_util::Sink;
use tokio::sync::watch;

use crate::dial::{BoxSocket, Dial, DialRequest, ErasedDial, Outgoing, Received};
use crate::managed::life::Beginning;
use crate::managed::trace::Trace;

pub(crate) struct WatchedDial {
    pub(crate) dial: Arc<dyn ErasedDial>,
    pub(crate) beginning: Arc<watch::Sender<Beginning>>,
    pub(crate) trace: Option<Trace>,
}

impl Dial for WatchedDial {
    type Socket = WatchedSocket;

    async fn dial(&self, request: DialRequest) -> Result<WatchedSocket, DialFailure> {
        Beginning::Begun.tell(&self.beginning);
        if let Some(trace) = &self.trace {
            trace.line(format_args!("dialling {}{}", request.host(), request.url.path()));
        }
        let opened = self.dial.clone().open(request).await;
        if let (Err(failure), Some(trace)) = (&opened, &self.trace) {
            trace.line(format_args!("the dial failed: {failure:?}"));
        }
        Ok(WatchedSocket { socket: opened?, trace: self.trace.clone() })
    }
}

pub(crate) struct WatchedSocket {
    socket: BoxSocket,
    trace: Option<Trace>,
}

impl Stream for WatchedSocket {
    type Item = Received;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        let received = ready!(self.socket.as_mut().poll_next(cx));
        if let Some(trace) = &self.trace {
            match &received {
                Some(Received::Text(text)) => trace.received(text),
                Some(Received::Alive) => trace.line("<- a ping or pong of the WebSocket"),
                Some(Received::Bad(why)) => trace.line(format_args!("<- no frame: {why}")),
                Some(Received::Closed(code)) => {
                    trace.line(format_args!("<- close {} {}", code.0, code.name()));
                }
                None => trace.line("the link ended without a close"),
            }
        }
        Poll::Ready(received)
    }
}

impl Sink<Outgoing> for WatchedSocket {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.as_mut().poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, outgoing: Outgoing) -> io::Result<()> {
        if let Some(trace) = &self.trace {
            match &outgoing {
                Outgoing::Text(text) => trace.sent(text.as_bytes()),
                Outgoing::Close(code) => trace.line(format_args!("-> close {} {}", code.0, code.name())),
            }
        }
        self.socket.as_mut().start_send(outgoing)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.as_mut().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.as_mut().poll_close(cx)
    }
}
