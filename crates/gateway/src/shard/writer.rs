//! The task that a blocked socket has until everything pending is gone out.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bowline_gateway_core::ConnId;

use crate::shard::host::Shard;

/// Writes what is pending whenever the socket takes some, then ends.
#[derive(Debug)]
pub(crate) struct Writer {
    shard: Rc<Shard>,
    conn: ConnId,
}

impl Writer {
    pub(crate) fn new(shard: Rc<Shard>, conn: ConnId) -> Writer {
        Writer { shard, conn }
    }
}

impl Future for Writer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shard.poll_unblock(self.conn, cx)
    }
}
