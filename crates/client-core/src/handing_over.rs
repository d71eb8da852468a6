//! How a successor takes over: the current link goes on until the successor is accepted, and stays when it is not.
//!
//! The application sees no state change. A failed try is repeated with backoff inside the margin that remains before the
//! current link will be cut, never beyond it.

use core::time::Duration;

use bowline_proto::{CloseCode, Cursor, Draining, Time};
use tracing::debug;

use crate::client_core::{ClientCore, Life, MOST_RETIRED};
use crate::gate;
use crate::link::{Current, Farewell, Retired};
use crate::renewal::Window;
use crate::timers::Timer;
use crate::verdict::Verdict;
use crate::vocabulary::{Notice, Output};

impl<B> ClientCore<B> {
    /// Arms the start of the current link's window.
    pub(crate) fn arm_handover(&mut self) {
        match self.current().and_then(|current| current.window) {
            Some(window) => self.timers.set(Timer::HandOver, window.opens),
            None => self.timers.clear(Timer::HandOver),
        }
    }

    /// The application wants a handover now. Where there is nothing to hand over, nothing is done.
    pub(crate) fn hand_over_asked(&mut self, now: Time) {
        if let Life::Live { current, successor: None } = &mut self.life {
            current.window = Some(Window::asked(now, current.window));
            self.begin_handover(now);
        }
    }

    /// The gateway asks to move. A successor that is already on its way goes on.
    pub(crate) fn drained(&mut self, now: Time, draining: Draining) {
        let Life::Live { current, successor } = &mut self.life else { return };
        debug!(reason = ?draining.reason, slot = ?draining.slot, "the gateway drains");
        current.window = Some(Window::drained(now, current.accepted_at, draining));
        current.tries = 0;
        let is_free = successor.is_none();
        self.gate.hold(now, draining.slot);
        if is_free {
            self.arm_handover();
        }
    }

    pub(crate) fn begin_handover(&mut self, now: Time) {
        if !matches!(self.life, Life::Live { successor: None, .. }) {
            return;
        }
        self.timers.clear(Timer::HandOver);
        // A third link would be one too many for the server.
        self.close_retired(now, |retired| retired.awaits == Farewell::Answers);
        self.notify(Notice::HandoverStarted);
        let approach = self.ask_for_credential(now);
        if let Life::Live { successor, .. } = &mut self.life {
            *successor = Some(approach);
        }
    }

    /// The successor did not make it: the current link stays.
    pub(crate) fn handover_failed(&mut self, now: Time, verdict: &Verdict) {
        let cause = verdict.cause();
        let hold = match verdict {
            Verdict::Retry { hold, .. } => *hold,
            Verdict::AskProviderAgain | Verdict::Stop(_) => Duration::ZERO,
        };
        self.gate.hold(now, hold);
        let Life::Live { current, .. } = &mut self.life else { return };
        current.tries = current.tries.saturating_add(1);
        let delay = gate::backoff(current.tries, &self.config, &mut self.random).max(hold);
        let window = current.window.unwrap_or(Window::asked(now, None));
        let next = window.retry_at(now, delay, &self.config).filter(|at| *at >= now + hold);
        if next.is_none() {
            // Whoever was said to cut the link may still do so; a link that survives is renewed at its next age.
            current.tries = 0;
            current.window = Window::planned(now, current.max_duration, &self.config, &mut self.random);
        }
        let at = next.or(current.window.map(|window| window.opens));
        debug!(cause, ?at, "handover failed");
        match at {
            Some(at) => self.timers.set(Timer::HandOver, at),
            None => self.timers.clear(Timer::HandOver),
        }
        let delay = at.map(|at| at.since(now));
        self.notify(Notice::HandoverFailed { cause, delay });
        self.catch_up_topics();
    }

    /// The link that was current until now is closed, and read until its close frame.
    pub(crate) fn retire(&mut self, now: Time, former: Current, successor_start: Option<Cursor>) {
        let Current { link, stream, topics, .. } = former;
        let until = now + self.config.close_deadline;
        let awaits = match successor_start {
            // A resume made every topic live at once.
            Some(_) => Farewell::Closed,
            None => Farewell::Answers,
        };
        if awaits == Farewell::Closed {
            self.order(Output::Close { link, code: CloseCode::NORMAL });
        }
        if self.retired.len() >= MOST_RETIRED {
            let oldest = self.retired.remove(0);
            self.order(Output::Abort { link: oldest.link });
        }
        self.retired.push(Retired { link, stream, topics, awaits, was_passed_over: false, until });
        self.arm_retire();
    }

    /// On plain servers the former link goes when its topics are live on the new one.
    pub(crate) fn close_when_answered(&mut self, now: Time) {
        let is_answered = self.current().is_none_or(|current| !current.topics.awaits_answer());
        if is_answered {
            self.close_retired(now, |retired| retired.awaits == Farewell::Answers);
        }
    }

    /// Some retired link has waited long enough: for the answers on the new link, or for its close frame.
    pub(crate) fn retire_is_due(&mut self, now: Time) {
        let outputs = &mut self.outputs;
        self.retired.retain(|retired| {
            let is_overdue = retired.awaits == Farewell::Closed && retired.until <= now;
            if is_overdue {
                outputs.push_back(Output::Abort { link: retired.link });
            }
            !is_overdue
        });
        self.close_retired(now, |retired| retired.awaits == Farewell::Answers && retired.until <= now);
        self.arm_retire();
    }

    fn close_retired(&mut self, now: Time, is_ready: impl Fn(&Retired) -> bool) {
        let until = now + self.config.close_deadline;
        let ready = self.retired.iter_mut().filter(|retired| is_ready(retired));
        for retired in ready {
            retired.awaits = Farewell::Closed;
            retired.until = until;
            self.outputs.push_back(Output::Close { link: retired.link, code: CloseCode::NORMAL });
        }
        self.arm_retire();
    }

    pub(crate) fn arm_retire(&mut self) {
        match self.retired.iter().map(|retired| retired.until).min() {
            Some(at) => self.timers.set(Timer::Retire, at),
            None => self.timers.clear(Timer::Retire),
        }
    }
}
