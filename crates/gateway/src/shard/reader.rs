//! The task that reads one socket. It owns nothing but its decoder: the bytes go through the thread's scratch buffer.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bowline_gateway_core::ConnId;
use tokio::io::ReadBuf;

use crate::shard::host::Shard;
use crate::shard::socket::Socket;
use crate::ws::Decoder;

/// Reads until the socket ends. Written by hand, since there is one for every idle connection.
#[derive(Debug)]
pub(crate) struct Reader {
    shard: Rc<Shard>,
    conn: ConnId,
    socket: Rc<RefCell<Socket>>,
    decoder: Decoder,
}

impl Reader {
    pub(crate) fn new(
        shard: Rc<Shard>,
        conn: ConnId,
        socket: Rc<RefCell<Socket>>,
        decoder: Decoder,
    ) -> Reader {
        Reader { shard, conn, socket, decoder }
    }
}

impl Future for Reader {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Reader { shard, conn, socket, decoder } = self.get_mut();
        loop {
            let mut scratch = shard.scratch.borrow_mut();
            let mut buf = ReadBuf::new(&mut scratch);
            let read = ready!(socket.borrow_mut().poll_read(cx, &mut buf));
            let bytes = buf.filled_mut();
            if read.is_err() || bytes.is_empty() {
                shard.lost(*conn);
                return Poll::Ready(());
            }
            if shard.received(*conn, decoder, bytes).is_break() {
                return Poll::Ready(());
            }
        }
    }
}
