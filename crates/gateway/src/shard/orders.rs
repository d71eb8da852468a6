//! How the core's orders are carried out: bytes are appended to what is pending, and nothing is written yet.

use std::sync::Arc;
use std::time::Duration;

use bowline_gateway_core::{ConnId, Output};
use bowline_proto::{CloseCode, encode_server_frame};
use bytes::Bytes;
use tracing::{debug, warn};

use crate::shard::connections::Phase;
use crate::shard::host::{Shard, State};
use crate::ws;

/// How long a peer may take to answer our close frame (wire protocol, section 8: "close 5 s").
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// A blocked socket whose pending bytes pass this is cut: only a peer that keeps asking without reading gets there,
/// since the core stops delivering to a blocked socket.
const BLOCKED_BYTES: usize = 1024 * 1024;

impl Shard {
    pub(super) fn carry_out(&self, state: &mut State) {
        while let Some(output) = state.core.poll_output() {
            match output {
                Output::Send { conn, frame } => {
                    let text = encode_server_frame(&frame);
                    self.push_own(state, conn, |out| ws::push_text(out, text.as_bytes()));
                }
                Output::Deliver { records, range, to } => {
                    let run = state.frames.of(&records, &range);
                    state.counts.deliveries += (to.len() * range.len()) as u64;
                    self.push_shared(state, &run, &to);
                }
                Output::Signal { text, to } => {
                    let mut frame = Vec::with_capacity(text.len() + 10);
                    ws::push_text(&mut frame, &text);
                    state.counts.signals += to.len() as u64;
                    self.push_shared(state, &frame.into(), &to);
                }
                Output::Read { conn, query } => {
                    // On the blocking pool: a page from a cold disk must not stall the sockets of the shard.
                    let (journal, inbox) = (self.around.journal.clone(), Arc::clone(self.inbox()));
                    state.counts.page_reads += 1;
                    tokio::task::spawn_blocking(move || inbox.push_page(conn, journal.read(&query)));
                }
                Output::Ping { conn } => self.push_own(state, conn, |out| ws::push_ping(out, &[])),
                Output::Close { conn, code } => self.close(state, conn, code, Phase::AwaitClose),
                Output::Share(shared) => {
                    for (index, inbox) in self.around.inboxes.iter().enumerate() {
                        if index != self.around.index && !inbox.push_signal(shared.clone()) {
                            state.counts.signals_dropped += 1;
                        }
                    }
                }
            }
        }
    }

    pub(super) fn push_own(&self, state: &mut State, conn: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        connection.pending.push_own(write);
        self.pushed(state, conn);
    }

    fn push_shared(&self, state: &mut State, run: &Bytes, to: &[ConnId]) {
        for &conn in to {
            let Some(connection) = state.conns.get_mut(conn) else { continue };
            connection.pending.push_shared(run, &mut state.joins);
            self.pushed(state, conn);
        }
    }

    fn pushed(&self, state: &mut State, conn: ConnId) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        if !connection.is_blocked {
            return self.mark(state, conn);
        }
        if connection.pending.as_slice().len() > BLOCKED_BYTES {
            warn!(connection_id = &*connection.public_id, "a peer that does not read was cut");
            state.counts.cut += 1;
            self.drop_socket(state, conn);
        }
    }

    pub(super) fn mark(&self, state: &mut State, conn: ConnId) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        if !connection.is_dirty {
            connection.is_dirty = true;
            state.dirty.push(conn);
        }
        self.schedule(state);
    }

    /// Appends our close frame; the core knows the socket no more.
    pub(super) fn close(&self, state: &mut State, conn: ConnId, code: CloseCode, phase: Phase) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        debug!(connection_id = &*connection.public_id, code = code.0, "link closed");
        if phase != Phase::AwaitFlush {
            self.around.metrics.closed(code);
        }
        connection.phase = phase;
        state.closing.push_back((self.around.clock.now() + CLOSE_DEADLINE, conn));
        self.push_own(state, conn, |out| ws::push_close(out, code));
    }
}
