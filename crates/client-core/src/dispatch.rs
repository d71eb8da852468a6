//! Which fact and which deadline goes where. Whatever speaks of a link or a fetch that is not awaited is ignored.

use bowline_proto::{ClientFrame, CloseCode, Time};
use tracing::debug;

use crate::client_core::{ClientCore, Life, Reading};
use crate::link::Approach;
use crate::timers::{Deadline, Timer};
use crate::verdict::{self, Verdict};
use crate::vocabulary::{Input, LinkId};

impl<B> ClientCore<B> {
    /// Takes a fact. Infallible: a bad peer becomes orders.
    pub fn handle(&mut self, now: Time, input: Input<B>) {
        match input {
            Input::CredentialReady { fetch } => self.credential_ready(now, fetch),
            Input::CredentialFailed { fetch, failure } => {
                if self.awaits_credential(fetch) {
                    self.dial_failed(now, verdict::of_credential(failure));
                }
            }
            Input::Opened { link } => self.opened(now, link),
            Input::DialFailed { link, failure } => {
                if self.awaits_opening(link) {
                    self.dial_failed(now, verdict::of_dial(failure));
                }
            }
            Input::Heard { link } => self.heard(now, link),
            Input::Frame { link, frame } => self.frame(now, link, frame),
            Input::BadFrame { link, why } => self.bad_frame(now, link, &why),
            Input::Closed { link, code } => self.link_closed(now, link, code),
            Input::ReadPaused => self.read_paused(),
            Input::ReadResumed => self.read_resumed(now),
            Input::NetworkReturned => {
                self.try_at_once(now);
                self.ping(now);
            }
        }
    }

    /// Tells that time has passed. Early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        // What the fired ones arm waits for the next call, so that this one is bounded.
        let mut due = self.timers.clone();
        while let Some(Deadline { timer, .. }) = due.next().filter(|deadline| deadline.at <= now) {
            due.clear(timer);
            if self.timers.fire(timer, now) {
                debug!(?timer, "deadline passed");
                self.fired(now, timer);
            }
        }
    }

    fn fired(&mut self, now: Time, timer: Timer) {
        match timer {
            Timer::Credential => {
                self.approach_failed(now, Verdict::retry("the token provider took too long"))
            }
            Timer::Dial => self.approach_failed(now, Verdict::retry("the dial took too long")),
            Timer::Accept => self.accept_overdue(now),
            Timer::Reconnect => self.retry_is_due(now),
            Timer::HandOver => self.begin_handover(now),
            Timer::Ping => self.ping(now),
            Timer::Pong => self.give_up_current(now, "nothing was heard any more"),
            Timer::Retire => self.retire_is_due(now),
            Timer::Close => self.cut_closing_short(),
            Timer::Activity => self.repeat_activities(now),
        }
    }

    fn awaits_opening(&self, dialled: LinkId) -> bool {
        matches!(self.approach(), Some(Approach::AwaitOpened { link, .. }) if *link == dialled)
    }

    /// Neither an accept nor, after a rejection, a close came in time.
    fn accept_overdue(&mut self, now: Time) {
        let verdict = match self.approach() {
            Some(Approach::AwaitRejectedClose { rejected, .. }) => {
                verdict::of_close(CloseCode::ABNORMAL, Some(rejected.clone()))
            }
            Some(_) | None => Verdict::retry("the gateway did not accept in time"),
        };
        self.approach_failed(now, verdict);
    }

    /// Asks the peer of the current link whether it is there.
    fn ping(&mut self, now: Time) {
        let Life::Live { current, .. } = &mut self.life else { return };
        if self.reading == Reading::Paused {
            return;
        }
        current.liveness.pinged(now, self.manners, &self.config, &mut self.timers);
        let link = current.link;
        self.send(link, ClientFrame::Ping);
    }

    fn repeat_activities(&mut self, now: Time) {
        let Some(link) = self.current().map(|current| current.link) else { return };
        let frames = self.activities.beat(now);
        self.send_all(link, frames);
        self.activities.arm(self.line(), &mut self.timers);
    }

    /// Silence proves nothing while the driver does not read.
    fn read_paused(&mut self) {
        self.reading = Reading::Paused;
        self.timers.clear(Timer::Accept);
        if let Life::Live { current, .. } = &mut self.life {
            current.liveness.pause(&mut self.timers);
        }
    }

    fn read_resumed(&mut self, now: Time) {
        if core::mem::replace(&mut self.reading, Reading::Running) == Reading::Running {
            return;
        }
        if self.approach().is_some_and(Approach::is_open) {
            self.expect_accept(now);
        }
        if let Life::Live { current, .. } = &mut self.life {
            current.liveness.restart(now, &mut self.timers);
        }
    }
}
