//! What the bytes of a peer become: facts for the core, answers of RFC 6455, or the end of the link.

use std::ops::ControlFlow;

use bowline_gateway_core::{ConnId, Input};
use bowline_proto::{CloseCode, decode_client_frame};
use tracing::{debug, warn};

use crate::shard::connections::Phase;
use crate::shard::host::{Shard, State};
use crate::ws::{self, Decoder, Received};

impl Shard {
    /// Bytes came. `Break`: the socket is not to be read any more.
    pub(crate) fn received(&self, conn: ConnId, decoder: &mut Decoder, bytes: &mut [u8]) -> ControlFlow<()> {
        self.take_bytes(&mut self.state.borrow_mut(), conn, decoder, bytes)
    }

    pub(super) fn take_bytes(
        &self,
        state: &mut State,
        conn: ConnId,
        decoder: &mut Decoder,
        bytes: &mut [u8],
    ) -> ControlFlow<()> {
        state.counts.bytes_in += bytes.len() as u64;
        let outcome = decoder.feed(bytes, &mut |message| self.take_message(state, conn, message));
        let Some(connection) = state.conns.get_mut(conn) else { return ControlFlow::Break(()) };
        match (connection.phase, outcome) {
            (Phase::Open, Err(violation)) => {
                warn!(connection_id = &*connection.public_id, %violation, "the peer broke the framing");
                self.feed(state, Input::Closed { conn });
                self.close(state, conn, violation.close_code(), Phase::AwaitEnd);
            }
            (Phase::AwaitClose, Err(_)) => connection.phase = Phase::AwaitEnd,
            (Phase::Open | Phase::AwaitClose | Phase::AwaitEnd | Phase::AwaitFlush, _) => {}
        }
        ControlFlow::Continue(())
    }

    fn take_message(&self, state: &mut State, conn: ConnId, message: Received<'_>) -> ControlFlow<()> {
        let Some(connection) = state.conns.get_mut(conn) else { return ControlFlow::Break(()) };
        match connection.phase {
            Phase::Open => {}
            Phase::AwaitClose => {
                if let Received::Close { .. } = message {
                    connection.phase = Phase::AwaitFlush;
                    self.mark(state, conn);
                }
                return ControlFlow::Continue(());
            }
            Phase::AwaitEnd | Phase::AwaitFlush => return ControlFlow::Break(()),
        }
        match message {
            Received::Text(text) => {
                state.counts.frames_in += 1;
                match decode_client_frame(text, &self.around.limits) {
                    Ok(frame) => self.feed(state, Input::Frame { conn, frame }),
                    Err(error) => self.feed(state, Input::BadFrame { conn, why: error.to_string() }),
                }
            }
            Received::Binary(_) => {
                warn!(connection_id = &*connection.public_id, "the peer sent a binary message");
                self.feed(state, Input::Closed { conn });
                self.close(state, conn, CloseCode::UNSUPPORTED, Phase::AwaitClose);
            }
            Received::Ping(payload) => {
                self.push_own(state, conn, |out| ws::push_pong(out, payload));
                self.feed(state, Input::Heard { conn });
            }
            Received::Pong(_) => self.feed(state, Input::Heard { conn }),
            Received::Close { code, .. } => {
                debug!(connection_id = &*connection.public_id, code, "the peer closes");
                self.feed(state, Input::Closed { conn });
                // RFC 6455, section 5.5.1: "the endpoint typically echos the status code it received".
                let code = code.map_or(CloseCode::NO_STATUS, CloseCode);
                self.close(state, conn, code, Phase::AwaitFlush);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}
