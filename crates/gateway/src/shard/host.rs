//! One shard: a core, its sockets, and what passes between them.
//!
//! Facts go into the core as they happen and its orders are carried out at once, which only appends bytes to what is
//! pending; sockets are written at the end of the tick, each once. Everything here runs on one thread, and nothing waits
//! while the state is borrowed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bowline_gateway_core::{ConnId, GatewayCore, Input};
use bowline_proto::{Limits, Record, Time};
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::journal::Journal;
use crate::metrics::{Metrics, ShardCounts, ShardReport};
use crate::shard::connections::Connections;
use crate::shard::inbox::{Arrival, Inbox, Newcomer};
use crate::shard::pending::Joins;
use crate::shard::reader::Reader;
use crate::shard::run_frames::RunFrames;
use crate::shard::socket::{Detached, Socket};
use crate::ws::Decoder;

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
    pub(super) closing: VecDeque<(Time, ConnId)>,
    /// What happened so far.
    pub(crate) counts: ShardCounts,
    pub(super) joins: Joins,
    pub(super) frames: RunFrames,
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

    /// Takes a socket in, at once when it is on this thread already.
    pub(crate) fn adopt(self: &Rc<Self>, state: &mut State, newcomer: Newcomer) {
        let Newcomer { socket, arrival } = newcomer;
        match socket {
            Detached::Here(stream) => self.settle(state, Socket::Tcp(stream), arrival),
            foreign @ (Detached::Tcp(_) | Detached::Carried(_)) => {
                let shard = Rc::clone(self);
                tokio::task::spawn_local(async move {
                    match Socket::attach(foreign).await {
                        Ok(socket) => shard.settle(&mut shard.state.borrow_mut(), socket, arrival),
                        Err(error) => warn!(%error, "an upgraded socket could not be taken over"),
                    }
                });
            }
        }
    }

    /// Reading begins, and the core hears of the socket.
    fn settle(self: &Rc<Self>, state: &mut State, socket: Socket, arrival: Arrival) {
        let Arrival { answer, mut read_ahead, mut hello, seat } = arrival;
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

    pub(super) fn schedule(&self, state: &mut State) {
        if !state.is_scheduled {
            state.is_scheduled = true;
            self.inbox().ring();
        }
    }
}
