//! Which socket of a session goes when a newer one proves it, and when a session is forgotten.
//!
//! A session has one socket, or two in handover for the grace time. A socket that was evicted is forgotten at once, and
//! the generation in its id fences whatever still comes from it.

use bowline_proto::{CloseCode, Time};

use crate::keys::SessionKey;
use crate::sessions::Sockets;
use crate::shard::GatewayCore;
use crate::timers::Timer;
use crate::vocabulary::ConnId;

/// How many sessions without a socket an account keeps: more than it has sockets in the common case; the oldest goes first.
const IDLE_SESSIONS: usize = 32;

impl GatewayCore {
    /// The socket proved a session. At most one older socket of it stays, in handover: the one that was heard last, so
    /// that a successor that never came to life does not cost the client its current link.
    pub(crate) fn take_over(&mut self, now: Time, slot: u32, session: SessionKey) -> Option<SessionKey> {
        if let Sockets::Pair { older, newer, .. } = self.sessions.get(session)?.sockets {
            let evicted = if self.heard_at(newer) >= self.heard_at(older) { older } else { newer };
            self.supersede(now, evicted);
        }
        if let Sockets::None { .. } = self.sessions.get(session)?.sockets {
            self.count_against_limit(now, slot)?;
            let account = self.sessions.get(session)?.account;
            self.accounts.entry(account).idle.retain(|idle| *idle != session);
        }
        let until = now + self.config.handover_grace;
        let conn = self.connections.id(slot);
        self.sessions.get_mut(session)?.attach(conn, until);
        self.timers.set(until, Timer::Grace(session));
        Some(session)
    }

    fn heard_at(&self, conn: ConnId) -> Time {
        let slot = self.connections.slot(conn);
        slot.and_then(|slot| self.connections.get(slot)).map_or(Time::ZERO, |c| c.heard)
    }

    fn supersede(&mut self, now: Time, conn: ConnId) {
        if let Some(slot) = self.connections.slot(conn) {
            self.stats.superseded += 1;
            self.close(now, slot, CloseCode::SUPERSEDED);
        }
    }

    /// A pair has had its time: one socket goes. The newer one stays, unless it has been silent for a heartbeat longer
    /// than the older: then it never came to life.
    pub(crate) fn grace_over(&mut self, now: Time, session: SessionKey) {
        let Some(Sockets::Pair { older, newer, until }) =
            self.sessions.get(session).map(|session| session.sockets)
        else {
            return;
        };
        if until > now {
            return;
        }
        if self.heard_at(older).since(self.heard_at(newer)) <= self.config.heartbeat {
            self.supersede(now, older);
        } else if let Some(slot) = self.connections.slot(newer) {
            self.stats.idle_timeouts += 1;
            self.close(now, slot, CloseCode::IDLE_TIMEOUT);
        }
    }

    /// Forgets a session that has no socket.
    pub(crate) fn forget_idle(&mut self, key: SessionKey) {
        if let Some(Sockets::None { .. }) = self.sessions.get(key).map(|session| session.sockets)
            && let Some(session) = self.sessions.remove(key)
        {
            self.accounts.entry(session.account).idle.retain(|idle| *idle != key);
            self.accounts.release(session.account);
        }
    }

    /// A session lost its last socket.
    pub(crate) fn session_idle(&mut self, now: Time, key: SessionKey) {
        let Some(session) = self.sessions.get(key) else { return };
        let (account, socket) = (session.account, session.socket);
        let entry = self.accounts.entry(account);
        *entry.occupied(socket) -= 1;
        entry.idle.push_back(key);
        let forgotten = if entry.idle.len() > IDLE_SESSIONS { entry.idle.pop_front() } else { None };
        if let Some(forgotten) = forgotten {
            self.sessions.remove(forgotten);
        }
        self.timers.set(now + self.config.session_retention, Timer::Retention(key));
    }

    /// A session has been without a socket for as long as it is kept.
    pub(crate) fn retention_over(&mut self, now: Time, key: SessionKey) {
        let Some(Sockets::None { since }) = self.sessions.get(key).map(|s| s.sockets) else {
            return;
        };
        if since + self.config.session_retention <= now {
            self.forget_idle(key);
        }
    }
}
