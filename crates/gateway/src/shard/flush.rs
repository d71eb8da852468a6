//! When bytes go out: once per tick and socket, and for a blocked socket whenever it takes some.

use std::rc::Rc;
use std::task::{Context, Poll};

use bowline_gateway_core::{ConnId, Input};
use tracing::debug;

use crate::shard::connections::{Connection, Phase};
use crate::shard::host::{Shard, State};
use crate::shard::pending::Pending;
use crate::shard::writer::Writer;

impl Shard {
    /// Writes what is pending at the end of a tick: one write per socket.
    pub(crate) fn flush(self: &Rc<Self>, state: &mut State) {
        let mut dirty = std::mem::take(&mut state.dirty);
        for conn in dirty.drain(..) {
            self.flush_one(state, conn);
        }
        // The list keeps its room; what was marked meanwhile comes with the next tick.
        dirty.append(&mut state.dirty);
        state.dirty = dirty;
        state.joins.forget();
        state.frames.forget();
    }

    /// Writes a blocked socket as far as it goes; ready when nothing is left or the socket is gone.
    pub(crate) fn poll_unblock(&self, conn: ConnId, cx: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.state.borrow_mut();
        loop {
            let Some(connection) = state.conns.get_mut(conn) else { return Poll::Ready(()) };
            let socket = Rc::clone(&connection.socket);
            let polled = socket.borrow_mut().poll_write_out(cx, connection.pending.as_slice());
            let Poll::Ready(outcome) = polled else { return Poll::Pending };
            let Ok(written) = outcome else {
                self.drop_socket(state, conn);
                return Poll::Ready(());
            };
            state.counts.wrote(written.taken);
            connection.pending.advance(written.taken);
            let is_out = written.is_out && connection.pending.is_empty();
            connection.is_blocked = !is_out;
            let is_known = connection.phase == Phase::Open;
            if is_known {
                self.feed(state, if is_out { Input::Drained { conn } } else { Input::Progressed { conn } });
            } else if is_out {
                self.all_out(state, conn);
            }
            if is_out {
                return Poll::Ready(());
            }
        }
    }

    /// The socket ended or failed.
    pub(crate) fn lost(&self, conn: ConnId) {
        self.drop_socket(&mut self.state.borrow_mut(), conn);
    }

    fn flush_one(self: &Rc<Self>, state: &mut State, conn: ConnId) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        connection.is_dirty = false;
        if connection.is_blocked {
            return;
        }
        if connection.pending.is_empty() {
            return self.all_out(state, conn);
        }
        let outcome = connection.socket.borrow_mut().try_write(connection.pending.as_slice());
        let Ok(written) = outcome else { return self.drop_socket(state, conn) };
        state.counts.wrote(written.taken);
        connection.pending.advance(written.taken);
        if written.is_out && connection.pending.is_empty() {
            return self.all_out(state, conn);
        }
        self.block(state, conn);
    }

    fn block(self: &Rc<Self>, state: &mut State, conn: ConnId) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        connection.is_blocked = true;
        tokio::task::spawn_local(Writer::new(Rc::clone(self), conn));
        if connection.phase == Phase::Open {
            self.feed(state, Input::Blocked { conn });
        }
    }

    /// Everything pending is gone out: what a closing socket does now.
    fn all_out(&self, state: &mut State, conn: ConnId) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        match connection.phase {
            Phase::Open | Phase::AwaitClose => {}
            // The peer's own close frame can't be told from its noise: our end of the stream asks it to end its own.
            Phase::AwaitEnd => connection.socket.borrow_mut().shut_down_writes(),
            Phase::AwaitFlush => {
                connection.socket.borrow_mut().shut_down_writes();
                self.forget(state, conn);
            }
        }
    }

    pub(super) fn drop_socket(&self, state: &mut State, conn: ConnId) {
        let Some(Connection { phase, public_id, .. }) = state.conns.get_mut(conn) else { return };
        let was_open = *phase == Phase::Open;
        debug!(connection_id = &**public_id, was_open, "socket ended");
        self.forget(state, conn);
        if was_open {
            self.feed(state, Input::Closed { conn });
        }
    }

    fn forget(&self, state: &mut State, conn: ConnId) {
        if let Some(mut gone) = state.conns.remove(conn) {
            gone.pending = Pending::Empty;
            self.schedule(state);
        }
    }
}
