//! When a socket is asked whether it lives, and when it is given up.
//!
//! Every heartbeat a WebSocket ping goes out, and on the resume layer a `pong` when nothing else was sent, so that the cursor
//! of a quiet socket stays young. Any bytes from the client prove life. A socket of the resume layer is dead after 2.5
//! silent heartbeats. So is a plain one that has answered a ping before, since RFC 6455 makes it answer the next; one
//! that never did has the silence of the plain layer. A blocked socket is not pinged, and its progress proves life.

use core::time::Duration;

use bowline_proto::{CloseCode, DrainReason, Draining, ServerFrame, Time};

use crate::connections::{Awaiting, Connection, Phase, Writing};
use crate::shard::GatewayCore;
use crate::timers::Timer;
use crate::vocabulary::{Opening, Output};

impl GatewayCore {
    /// A WebSocket pong came.
    pub(crate) fn heard(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.heard = now;
        if !connection.answers_pings {
            connection.answers_pings = true;
            self.arm(now, slot);
        }
    }

    /// The first heartbeat comes somewhere in the second half of its period, so that sockets opened together are not
    /// pinged together.
    pub(crate) fn first_beat(&self, now: Time, slot: u32) -> Time {
        let half = self.config.heartbeat / 2;
        now + half + share(half, slot)
    }

    /// Sets the socket's timer where one of its deadlines has become earlier.
    pub(crate) fn arm(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get(slot) else { return };
        let at = self.next_deadline(connection).max(now);
        let armed = connection.armed;
        if at < armed {
            let conn = self.connections.id(slot);
            self.timers.set(at, Timer::Socket(conn));
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.armed = at;
            }
        }
    }

    fn next_deadline(&self, connection: &Connection) -> Time {
        let mut at = connection.next_beat.min(self.silent_until(connection)).min(self.life_ends(connection));
        if !connection.is_told_to_move {
            at = at.min(self.move_notice(connection));
        }
        if let Writing::Blocked { progressed, .. } = connection.writing {
            at = at.min(progressed + self.config.write_timeout);
        }
        if let Some(retry) = retry_at(connection) {
            at = at.min(retry);
        }
        if let Phase::AwaitResume { until, .. } = connection.phase {
            at = at.min(until);
        }
        at
    }

    fn silent_until(&self, connection: &Connection) -> Time {
        let is_answering = connection.answers_pings || connection.opening == Opening::Resume;
        connection.heard
            + if is_answering {
                self.config.heartbeat.saturating_mul(5) / 2
            } else {
                self.config.plain_silence
            }
    }

    fn life_ends(&self, connection: &Connection) -> Time {
        connection.opened + self.config.max_duration
    }

    fn notice(&self) -> Duration {
        self.config.max_duration_notice.min(self.config.max_duration / 2)
    }

    fn move_notice(&self, connection: &Connection) -> Time {
        connection.opened + (self.config.max_duration - self.notice())
    }

    /// The socket's timer fired.
    pub(crate) fn socket_due(&mut self, now: Time, slot: u32, at: Time) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if connection.armed != at {
            return;
        }
        connection.armed = Time::MAX;
        if let Some(code) = self.given_up(now, slot) {
            return self.close(now, slot, code);
        }
        let Some(connection) = self.connections.get(slot) else { return };
        if retry_at(connection).is_some_and(|retry| retry <= now) {
            self.read_on(slot);
        }
        self.tell_to_move(now, slot);
        self.beat(now, slot);
        self.arm(now, slot);
    }

    /// Why the socket has to go now.
    fn given_up(&mut self, now: Time, slot: u32) -> Option<CloseCode> {
        let connection = self.connections.get(slot)?;
        if self.life_ends(connection) <= now {
            return Some(CloseCode::MAX_DURATION);
        }
        if let Writing::Blocked { progressed, .. } = connection.writing
            && progressed + self.config.write_timeout <= now
        {
            self.stats.slow_consumers += 1;
            return Some(CloseCode::SLOW_CONSUMER);
        }
        if let Phase::AwaitResume { until, .. } = connection.phase
            && until <= now
        {
            self.stats.idle_timeouts += 1;
            return Some(CloseCode::IDLE_TIMEOUT);
        }
        if self.silent_until(connection) <= now {
            self.stats.idle_timeouts += 1;
            return Some(CloseCode::IDLE_TIMEOUT);
        }
        None
    }

    /// Announces the end of the maximum duration.
    fn tell_to_move(&mut self, now: Time, slot: u32) {
        let notice = self.notice();
        let Some(connection) = self.connections.get(slot) else { return };
        let is_due = connection.is_accepted() && !connection.is_told_to_move && !self.drain.is_on();
        if self.move_notice(connection) > now {
            return;
        }
        let deadline = self.life_ends(connection).since(now);
        if is_due {
            let slot_in_time = share(notice / 2, slot).min(deadline);
            let reason = DrainReason::MaxDuration;
            self.send(slot, ServerFrame::Draining(Draining { reason, slot: slot_in_time, deadline }));
        }
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.is_told_to_move = true;
        }
    }

    fn beat(&mut self, now: Time, slot: u32) {
        let every = self.config.heartbeat;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if connection.next_beat > now {
            return;
        }
        connection.next_beat = now + every;
        if connection.is_blocked() {
            return;
        }
        let wants_position = connection.opening == Opening::Resume;
        let has_sent = core::mem::replace(&mut self.connections.hot[slot as usize].has_sent, false);
        if !has_sent && wants_position {
            self.pong(slot);
            self.connections.hot[slot as usize].has_sent = false;
        }
        self.outputs.push_back(Output::Ping { conn: self.connections.id(slot) });
    }
}

fn retry_at(connection: &Connection) -> Option<Time> {
    let reading = match &connection.phase {
        Phase::AwaitFirstPage(resuming) => resuming.catch_up.awaiting,
        Phase::CatchingUp { catch_up, .. } => catch_up.awaiting,
        Phase::AwaitResume { .. } | Phase::Live { .. } => return None,
    };
    match reading {
        Awaiting::Retry(at) => Some(at),
        Awaiting::Drained | Awaiting::Turn | Awaiting::Page | Awaiting::StalePage => None,
    }
}

/// A slot's own share of a span: spread evenly whichever slots are in use (steps of the golden ratio).
fn share(span: Duration, slot: u32) -> Duration {
    let fraction = f64::from(slot.wrapping_mul(2_654_435_769)) / f64::from(u32::MAX);
    span.mul_f64(fraction)
}
