//! The shard: who is asked when a fact comes in. Each decision lives in the module that is named for it.

use std::collections::VecDeque;

use bowline_proto::{CloseCode, Epoch, Seq, ServerFrame, Time};
use core::convert::Infallible;

use crate::accounts::Accounts;
use crate::activities::Activities;
use crate::config::ShardConfig;
use crate::connections::{Connection, Connections, Phase};
use crate::read_queue::ReadQueue;
use crate::recent_grants::RecentGrants;
use crate::sessions::{Sessions, Sockets};
use crate::timers::{Timer, Timers};
use crate::topics::Topics;
use crate::vocabulary::{ConnId, Input, Output, Shared, Stats};

/// One shard of a gateway.
///
/// A driver feeds one fact, drains [`GatewayCore::poll_output`] to `None`, and calls [`GatewayCore::handle_timeout`] when
/// the time of [`GatewayCore::poll_timeout`] has come. Facts about a socket that the shard has forgotten are ignored.
///
/// ```
/// use bowline_gateway_core::{GatewayCore, Input, ShardConfig};
/// use bowline_proto::{Epoch, Seq, Time};
///
/// let mut shard = GatewayCore::new(ShardConfig::default(), Epoch::from_bits(1), Seq::ZERO, Time::ZERO);
/// shard.handle(Time::ZERO, Input::Appended { records: [].into() });
/// assert!(shard.poll_output().is_none());
/// ```
#[derive(Debug)]
pub struct GatewayCore {
    pub(crate) config: ShardConfig,
    pub(crate) epoch: Epoch,
    /// The last position of the tail that was put out.
    pub(crate) head: Seq,
    pub(crate) connections: Connections,
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) topics: Topics,
    pub(crate) recent_grants: RecentGrants,
    pub(crate) activities: Activities,
    pub(crate) reads: ReadQueue,
    pub(crate) drain: Drain,
    pub(crate) timers: Timers,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) stats: Stats,
}

impl GatewayCore {
    /// A shard that follows the tail of the log `epoch` from behind `head` on.
    #[must_use]
    pub fn new(config: ShardConfig, epoch: Epoch, head: Seq, now: Time) -> Self {
        tracing::debug!(%epoch, head = head.get(), at = now.as_micros(), "shard starts");
        GatewayCore {
            reads: ReadQueue::at_most(config.reads_at_once),
            config,
            epoch,
            head,
            connections: Connections::default(),
            accounts: Accounts::default(),
            sessions: Sessions::default(),
            topics: Topics::default(),
            recent_grants: RecentGrants::behind(head),
            activities: Activities::default(),
            drain: Drain::None,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Takes a fact. Infallible: a bad peer becomes orders.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Opened { conn, hello } => self.opened(now, conn, *hello),
            Input::Heard { conn } => self.with(conn, |core, slot| core.heard(now, slot)),
            Input::Frame { conn, frame } => self.with(conn, |core, slot| core.frame_came(now, slot, frame)),
            Input::BadFrame { conn, why } => {
                self.with(conn, |core, slot| core.bad_frame_came(now, slot, &why))
            }
            Input::Blocked { conn } => self.with(conn, |core, slot| core.blocked(now, slot)),
            Input::Progressed { conn } => self.with(conn, |core, slot| core.progressed(now, slot)),
            Input::Drained { conn } => self.with(conn, |core, slot| core.drained(now, slot)),
            Input::Closed { conn } => self.with(conn, |core, slot| core.forget(now, slot)),
            Input::Appended { records } => self.appended(now, &records),
            Input::TailSkipped { upto } => self.tail_skipped(now, upto),
            Input::PageRead { conn, page } => self.with(conn, |core, slot| core.page_read(now, slot, page)),
            Input::ReadFailed { conn } => self.with(conn, |core, slot| core.read_failed(now, slot)),
            Input::Shared(Shared::Activity { conversation_id, account, status, at }) => {
                self.activity_shared(now, &conversation_id, &account, status, at);
            }
            Input::Shared(Shared::Signal { topic, text }) => self.signal(topic.as_str(), text, None),
            Input::Disconnect { account } => self.disconnect(now, &account),
            Input::DrainStarted { window } => self.drain_started(now, window),
            Input::LogReopened { epoch, head } => self.log_reopened(now, epoch, head),
        }
    }

    /// Does what has become due. Early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((at, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::Socket(conn) => self.with(conn, |core, slot| core.socket_due(now, slot, at)),
                Timer::Grace(session) => self.grace_over(now, session),
                Timer::Retention(session) => self.retention_over(now, session),
                Timer::Lease(place) => self.lease_due(now, place, at),
                Timer::DrainEnd => self.drain_over(now),
            }
        }
    }

    /// The next order. Drain to `None` after every call above.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`GatewayCore::handle_timeout`]; `None`: not before the next fact.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Counts for metrics and readiness.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.connections.len() as u64,
            sessions: self.sessions.len() as u64,
            ..self.stats
        }
    }

    /// Does something about a socket, unless the shard has forgotten it.
    fn with(&mut self, conn: ConnId, does: impl FnOnce(&mut Self, u32)) {
        if let Some(slot) = self.connections.slot(conn) {
            does(self, slot);
        }
    }

    /// Puts out a frame for a socket.
    pub(crate) fn send(&mut self, slot: u32, frame: ServerFrame<Infallible>) {
        self.connections.hot[slot as usize].has_sent = true;
        self.outputs.push_back(Output::Send { conn: self.connections.id(slot), frame });
    }

    /// Closes a socket and forgets it.
    pub(crate) fn close(&mut self, now: Time, slot: u32, code: CloseCode) {
        tracing::debug!(slot, code = code.0, reason = code.name(), "socket is closed");
        let conn = self.connections.id(slot);
        self.outputs.push_back(Output::Close { conn, code });
        self.forget(now, slot);
    }

    /// Undoes everything that a socket was part of.
    pub(crate) fn forget(&mut self, now: Time, slot: u32) {
        let conn = self.connections.id(slot);
        self.leave_all(slot);
        let Some(connection) = self.connections.remove(slot) else { return };
        self.count_phase_left(&connection);
        let session = connection.session();
        if let Some(read) = self.reads.forget(&connection.phase) {
            tracing::trace!(slot, ?read, "a read is abandoned");
        }
        let account = self.accounts.entry(connection.account);
        account.slots.retain(|other| *other != slot);
        let is_last = account.slots.is_empty();
        if let Some(key) = session
            && let Some(session) = self.sessions.get_mut(key)
        {
            session.detach(conn, now);
            if matches!(session.sockets, Sockets::None { .. }) {
                self.session_idle(now, key);
            }
        }
        if is_last {
            self.end_activities(now, connection.account);
        }
        self.accounts.release(connection.account);
        self.next_reads();
    }

    fn count_phase_left(&mut self, connection: &Connection) {
        match connection.phase {
            Phase::AwaitResume { .. } => {}
            Phase::Live { .. } => self.stats.live -= 1,
            Phase::AwaitFirstPage(_) | Phase::CatchingUp { .. } => self.stats.catching_up -= 1,
        }
    }
}

/// Whether the shard is being emptied. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drain {
    None,
    /// Until then.
    Until(Time),
}

impl Drain {
    pub(crate) fn is_on(self) -> bool {
        matches!(self, Drain::Until(_))
    }
}
