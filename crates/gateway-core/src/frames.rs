//! What a client's frame does, and how many bad or needless ones it may send.

use bowline_proto::{ClientFrame, CloseCode, ServerFrame, Time};

use crate::connections::{Phase, Writing};
use crate::frame_rate::Verdict;
use crate::shard::GatewayCore;

/// How many answers a socket may collect while it does not take them: then it is closed as a slow consumer. Pongs do not
/// count, because one owed pong stands for all.
const ANSWERS_WHILE_BLOCKED: u32 = 32;

impl GatewayCore {
    pub(crate) fn frame_came(&mut self, now: Time, slot: u32, frame: ClientFrame) {
        if !self.is_within_rate(now, slot) {
            return;
        }
        let Some(connection) = self.connections.get_mut(slot) else { return };
        match (&connection.phase, frame) {
            (Phase::AwaitResume { .. }, ClientFrame::Resume(resume)) => {
                return self.resume(now, slot, resume);
            }
            (Phase::AwaitResume { .. }, _) => {
                return self.bad_frame(now, slot, "the first frame must be resume");
            }
            (_, ClientFrame::Resume(_)) => {
                return self.bad_frame(now, slot, "resume is the first frame or none");
            }
            (_, ClientFrame::Unknown) => return,
            (Phase::AwaitFirstPage(_), ClientFrame::Ping) => return,
            (Phase::AwaitFirstPage(_), _) => {
                return self.bad_frame(now, slot, "wait for connection.accepted");
            }
            (Phase::Live { .. } | Phase::CatchingUp { .. }, ClientFrame::Ping) => {
                return self.ping_came(slot);
            }
            (Phase::Live { .. } | Phase::CatchingUp { .. }, ClientFrame::Subscribe { topics }) => {
                self.subscribe(now, slot, topics);
            }
            (Phase::Live { .. } | Phase::CatchingUp { .. }, ClientFrame::Unsubscribe { topics }) => {
                self.unsubscribe(slot, topics);
            }
            (
                Phase::Live { .. } | Phase::CatchingUp { .. },
                ClientFrame::Activity { conversation_id, status },
            ) => self.activity_said(now, slot, &conversation_id, status),
        }
        self.count_answer(now, slot);
    }

    pub(crate) fn bad_frame_came(&mut self, now: Time, slot: u32, why: &str) {
        if self.is_within_rate(now, slot) {
            self.bad_frame(now, slot, why);
        }
    }

    /// Tells the client what was wrong; the last straw closes the socket.
    pub(crate) fn bad_frame(&mut self, now: Time, slot: u32, why: &str) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.bad_frames += 1;
        let is_last = connection.bad_frames >= self.config.bad_frames;
        tracing::warn!(slot, why, "bad frame");
        self.error(slot, "BAD_FRAME", why);
        if is_last {
            return self.close(now, slot, CloseCode::BAD_FRAME);
        }
        self.count_answer(now, slot);
    }

    pub(crate) fn error(&mut self, slot: u32, code: &str, message: &str) {
        self.send(slot, ServerFrame::Error { code: code.to_owned(), message: message.to_owned() });
    }

    fn is_within_rate(&mut self, now: Time, slot: u32) -> bool {
        let rate = self.config.frame_rate;
        let Some(connection) = self.connections.get_mut(slot) else { return false };
        connection.heard = now;
        match connection.frames.count(now, rate) {
            Verdict::Taken => return true,
            Verdict::FirstDropped => {
                self.error(slot, "RATE_LIMITED", "too many frames; this one was dropped")
            }
            Verdict::Dropped => {}
            Verdict::TooLong => self.close(now, slot, CloseCode::RATE_LIMITED),
            Verdict::Flood => self.close(now, slot, CloseCode::ABUSE),
        }
        false
    }

    fn ping_came(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        match &mut connection.writing {
            Writing::Free => self.pong(slot),
            Writing::Blocked { owes_pong, .. } => *owes_pong = true,
        }
    }

    /// Says how far the client's stream is.
    pub(crate) fn pong(&mut self, slot: u32) {
        if self.connections.get(slot).is_some_and(|connection| connection.is_accepted()) {
            let seq = self.position(slot);
            self.send(slot, ServerFrame::Pong { seq });
        }
    }

    fn count_answer(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if let Writing::Blocked { answers, .. } = &mut connection.writing {
            *answers += 1;
            if *answers > ANSWERS_WHILE_BLOCKED {
                self.stats.slow_consumers += 1;
                self.close(now, slot, CloseCode::SLOW_CONSUMER);
            }
        }
    }
}
