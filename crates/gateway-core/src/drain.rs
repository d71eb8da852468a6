//! How everybody leaves: a drain in slots, an operator's disconnect, a log that was reopened.

use core::time::Duration;

use bowline_proto::{Account, CloseCode, DrainReason, Draining, Epoch, Seq, ServerFrame, Time};

use crate::connections::Phase;
use crate::recent_grants::RecentGrants;
use crate::shard::{Drain, GatewayCore};
use crate::timers::Timer;

impl GatewayCore {
    /// Every accepted socket gets its own slot in the first three quarters of the window, so that a fleet does not move at
    /// once and the last one still has time. A socket that is not accepted yet is closed: its client goes elsewhere.
    /// A second drain can only shorten the first; then everybody is told again.
    pub(crate) fn drain_started(&mut self, now: Time, window: Duration) {
        let until = now + window;
        match self.drain {
            Drain::Until(earlier) if earlier <= until => return,
            Drain::Until(_) | Drain::None => self.drain = Drain::Until(until),
        }
        tracing::debug!(millis = window.as_millis(), "shard drains");
        self.timers.set(until, Timer::DrainEnd);
        let mut accepted = Vec::new();
        for slot in 0..self.connections.slots() {
            match self.connections.get(slot).map(|connection| &connection.phase) {
                None => {}
                Some(Phase::AwaitResume { .. } | Phase::AwaitFirstPage(_)) => {
                    self.close(now, slot, CloseCode::DRAINING);
                }
                Some(Phase::Live { .. } | Phase::CatchingUp { .. }) => accepted.push(slot),
            }
        }
        let moving = window / 4 * 3;
        let count = u32::try_from(accepted.len()).expect("slots are u32").max(1);
        for (place, slot) in (0..).zip(accepted) {
            let in_time = moving.mul_f64(f64::from(place) / f64::from(count));
            let draining = Draining { reason: DrainReason::Shutdown, slot: in_time, deadline: window };
            self.send(slot, ServerFrame::Draining(draining));
        }
    }

    /// The window is over.
    pub(crate) fn drain_over(&mut self, now: Time) {
        if matches!(self.drain, Drain::Until(until) if until <= now) {
            self.close_all(now, CloseCode::DRAINING);
        }
    }

    /// The operator disconnects an account: its sockets close, its sessions can't be proved any more.
    pub(crate) fn disconnect(&mut self, now: Time, account: &Account) {
        let Some(key) = self.accounts.find(account) else { return };
        let idle: Vec<_> = self.accounts.entry(key).idle.drain(..).collect();
        for session in idle {
            self.sessions.remove(session);
        }
        for slot in self.accounts.entry(key).slots.clone() {
            let session = self.connections.get(slot).and_then(|connection| connection.session());
            self.close(now, slot, CloseCode::DISCONNECTED);
            if let Some(session) = session {
                self.forget_idle(session);
            }
        }
        self.accounts.release(key);
    }

    /// The log was recovered while the process ran. What was delivered may be in no log any more: everybody resumes, and
    /// the new log says what became of each cursor. Sessions stay provable.
    pub(crate) fn log_reopened(&mut self, now: Time, epoch: Epoch, head: Seq) {
        tracing::warn!(%epoch, head = head.get(), "log reopened");
        self.close_all(now, CloseCode::DRAINING);
        self.epoch = epoch;
        self.head = head;
        self.recent_grants = RecentGrants::behind(head);
        for grants in self.accounts.all_grants() {
            grants.reset();
        }
    }

    fn close_all(&mut self, now: Time, code: CloseCode) {
        for slot in 0..self.connections.slots() {
            if self.connections.get(slot).is_some() {
                self.close(now, slot, code);
            }
        }
    }
}
