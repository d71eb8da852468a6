//! One shard: a core, its sockets, and what passes between them.
//!
//! Facts go into the core as they happen and its orders are carried out at once, which only appends bytes to what is
//! pending; sockets are written at the end of the tick, each once. Everything here runs on one thread, and nothing waits
//! while the state is borrowed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_gateway_core::{ConnId, GatewayCore, Input, Output};
use bowline_proto::{CloseCode, Limits, Record, Time, decode_client_frame, encode_server_frame};
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::journal::Journal;
use crate::metrics::{Metrics, ShardCounts, ShardReport};
use crate::shard::connections::{Connection, Connections, Phase};
use crate::shard::inbox::{Inbox, Newcomer};
use crate::shard::pending::{Joins, Pending};
use crate::shard::reader::Reader;
use crate::shard::run_frames::RunFrames;
use crate::shard::socket::Socket;
use crate::shard::writer::Writer;
use crate::ws::{self, Decoder, Received};

/// How long a peer may take to answer our close frame (wire protocol, section 8: "close 5 s").
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// A blocked socket whose pending bytes pass this is cut: only a peer that keeps asking without reading gets there,
/// since the core stops delivering to a blocked socket.
const BLOCKED_BYTES: usize = 1024 * 1024;
/// One read takes at most this much; larger messages are collected by the decoder.
const SCRATCH_BYTES: usize = 64 * 1024;

/// What a shard shares with its node.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Which shard this is.
    pub(crate) index: usize,
    /// The inboxes of all shards, its own among them.
    pub(crate) inboxes: Arc<[Arc<Inbox>]>,
    /// The log.
    pub(crate) journal: Journal,
    /// Limits of a decoder.
    pub(crate) limits: Limits,
    /// Counts.
    pub(crate) metrics: Arc<Metrics>,
    /// The cores' time.
    pub(crate) clock: Clock,
}

/// A shard, on its thread.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) around: Surroundings,
    /// Where reads land; nothing stays in it.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) state: RefCell<State>,
}

/// What changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) core: GatewayCore,
    pub(crate) conns: Connections,
    /// Sockets to be written at the end of this tick.
    pub(crate) dirty: Vec<ConnId>,
    /// Records that wait for their turn, because a turn is bounded.
    pub(crate) backlog: VecDeque<Arc<[Record]>>,
    /// Closing sockets by deadline; the deadline is the same for all, so the order is that of the closes.
    closing: VecDeque<(Time, ConnId)>,
    /// What happened so far.
    pub(crate) counts: ShardCounts,
    joins: Joins,
    frames: RunFrames,
    /// The bell has been rung since the last tick.
    is_scheduled: bool,
}

impl Shard {
    pub(crate) fn new(around: Surroundings, core: GatewayCore) -> Rc<Shard> {
        Rc::new(Shard {
            around,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into()),
            state: RefCell::new(State {
                core,
                conns: Connections::default(),
                dirty: Vec::new(),
                backlog: VecDeque::new(),
                closing: VecDeque::new(),
                counts: ShardCounts::default(),
                joins: Joins::default(),
                frames: RunFrames::default(),
                is_scheduled: false,
            }),
        })
    }

    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.around.inboxes[self.around.index]
    }

    /// Feeds one fact and carries out what the core orders. A tick follows: it writes, and arms the core's new deadline.
    pub(crate) fn feed(&self, state: &mut State, input: Input) {
        state.core.handle(self.around.clock.now(), input);
        self.carry_out(state);
        self.schedule(state);
    }

    /// Takes a socket in: reading begins, and the core hears of it.
    pub(crate) fn adopt(self: &Rc<Self>, state: &mut State, newcomer: Newcomer) {
        let Newcomer { socket, answer, mut read_ahead, mut hello, seat } = newcomer;
        let socket = match Socket::attach(socket) {
            Ok(socket) => socket,
            Err(error) => return warn!(%error, "an upgraded socket could not be taken over"),
        };
        (hello.grants, hello.as_of) = self.around.journal.grants(&hello.account);
        let conn = state.conns.insert(socket, Arc::clone(&hello.connection_id), seat);
        debug!(
            connection_id = &*hello.connection_id,
            account = %hello.account,
            shard = self.around.index,
            slot = conn.slot,
            "link opened"
        );
        if !answer.is_empty() {
            self.push_own(state, conn, |out| out.extend_from_slice(&answer));
        }
        self.feed(state, Input::Opened { conn, hello });
        let mut decoder = Decoder::new(self.around.limits.message_bytes);
        if !read_ahead.is_empty() && self.take_bytes(state, conn, &mut decoder, &mut read_ahead).is_break() {
            return;
        }
        if let Some(connection) = state.conns.get_mut(conn) {
            let socket = Rc::clone(&connection.socket);
            let reader = Reader::new(Rc::clone(self), conn, socket, decoder);
            connection.reader = Some(tokio::task::spawn_local(reader));
        }
    }

    /// Bytes came. `Break`: the socket is not to be read any more.
    pub(crate) fn received(&self, conn: ConnId, decoder: &mut Decoder, bytes: &mut [u8]) -> ControlFlow<()> {
        self.take_bytes(&mut self.state.borrow_mut(), conn, decoder, bytes)
    }

    /// The socket ended or failed.
    pub(crate) fn lost(&self, conn: ConnId) {
        self.drop_socket(&mut self.state.borrow_mut(), conn);
    }

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

    /// Does what is due: the core's deadlines, and closing sockets whose peer took too long.
    pub(crate) fn expire(&self, state: &mut State) {
        let now = self.around.clock.now();
        if state.core.poll_timeout().is_some_and(|at| at <= now) {
            state.core.handle_timeout(now);
            self.carry_out(state);
        }
        while let Some(&(at, conn)) = state.closing.front()
            && at <= now
        {
            state.closing.pop_front();
            state.conns.remove(conn);
        }
    }

    /// When something is due: the core's deadline or that of a close.
    pub(crate) fn next_deadline(&self, state: &State) -> Option<Time> {
        let closing = state.closing.front().map(|&(at, _)| at);
        [state.core.poll_timeout(), closing].into_iter().flatten().min()
    }

    /// Begins a tick: what happens inside it needs no other.
    pub(crate) fn begin_tick(&self, state: &mut State) {
        state.is_scheduled = true;
    }

    /// Ends a tick: from here on facts ring the bell; what is left over rings it now.
    pub(crate) fn end_tick(&self, state: &mut State) {
        state.is_scheduled = false;
        let sockets = state.conns.len() as u64;
        let report = ShardReport { core: state.core.stats(), counts: state.counts, sockets };
        self.around.metrics.report(self.around.index, report);
        if !state.dirty.is_empty() || !state.backlog.is_empty() {
            self.schedule(state);
        }
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

    fn take_bytes(
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

    fn carry_out(&self, state: &mut State) {
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

    fn push_own(&self, state: &mut State, conn: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        connection.pending.push_own(write);
        self.pushed(state, conn);
    }

    fn push_shared(&self, state: &mut State, run: &bytes::Bytes, to: &[ConnId]) {
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

    fn mark(&self, state: &mut State, conn: ConnId) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        if !connection.is_dirty {
            connection.is_dirty = true;
            state.dirty.push(conn);
        }
        self.schedule(state);
    }

    fn schedule(&self, state: &mut State) {
        if !state.is_scheduled {
            state.is_scheduled = true;
            self.inbox().ring();
        }
    }

    /// Appends our close frame; the core knows the socket no more.
    fn close(&self, state: &mut State, conn: ConnId, code: CloseCode, phase: Phase) {
        let Some(connection) = state.conns.get_mut(conn) else { return };
        debug!(connection_id = &*connection.public_id, code = code.0, "link closed");
        if phase != Phase::AwaitFlush {
            self.around.metrics.closed(code);
        }
        connection.phase = phase;
        state.closing.push_back((self.around.clock.now() + CLOSE_DEADLINE, conn));
        self.push_own(state, conn, |out| ws::push_close(out, code));
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
            Phase::AwaitFlush => self.forget(state, conn),
        }
    }

    fn drop_socket(&self, state: &mut State, conn: ConnId) {
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
            gone.socket.borrow_mut().shut_down_writes();
            self.schedule(state);
        }
    }
}
