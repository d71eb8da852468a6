//! How links end, and what follows: the next turn at the one gate, or the end of the connection.

use core::time::Duration;

use bowline_proto::{CloseCode, Time};
use tracing::debug;

use crate::client_core::{ClientCore, Life};
use crate::gate::Haste;
use crate::link::{Approach, Current, Farewell, Retired, Stream};
use crate::subscriptions::LinkTopics;
use crate::timers::Timer;
use crate::verdict::{self, Verdict};
use crate::vocabulary::{CloseReason, ConnectionState, LinkId, Notice, Output};

/// How long after the end of a link that was never accepted here the gateway may close another one of ours in its favour: it lets
/// both stand for a handover slot (30 s by default), and may have heard of the newer one late.
const GHOST: Duration = Duration::from_secs(60);

impl<B> ClientCore<B> {
    /// A link is over, by its peer or by the network.
    pub(crate) fn link_closed(&mut self, now: Time, closed: LinkId, code: CloseCode) {
        if let Some(index) = self.retired.iter().position(|retired| retired.link == closed) {
            self.retired.remove(index);
            self.retired_gone();
        } else if self.current().is_some_and(|current| current.link == closed) {
            self.current_closed(now, code);
        } else if self.approach().and_then(Approach::link) == Some(closed) {
            self.approach_closed(now, code);
        }
    }

    fn retired_gone(&mut self) {
        if matches!(self.life, Life::Closing) {
            self.finish_closing();
        } else {
            self.arm_retire();
        }
    }

    fn current_closed(&mut self, now: Time, code: CloseCode) {
        let rejected = match &mut self.life {
            Life::Live { current, .. } => current.rejected.take(),
            Life::Idle | Life::AwaitRetry | Life::Approaching(_) | Life::Closing | Life::Closed => None,
        };
        let is_own_doing =
            self.approach().is_some_and(Approach::has_presented_session) || now < self.own_ghost_until;
        let verdict = if code == CloseCode::SUPERSEDED && is_own_doing {
            Verdict::retry("superseded by a link of our own")
        } else {
            verdict::of_close(code, rejected)
        };
        self.current_lost(now, verdict);
    }

    fn approach_closed(&mut self, now: Time, code: CloseCode) {
        let Some(approach) = self.take_approach() else { return };
        self.suspect_ghost(now, &approach);
        let rejected = match approach {
            Approach::AwaitRejectedClose { rejected, .. } => Some(rejected),
            Approach::AwaitCredential { .. }
            | Approach::AwaitOpened { .. }
            | Approach::AwaitAnswers { .. }
            | Approach::AwaitAccepted { .. } => None,
        };
        self.approach_is_over(now, verdict::of_close(code, rejected));
    }

    /// The dial failed: there is no link to drop.
    pub(crate) fn dial_failed(&mut self, now: Time, verdict: Verdict) {
        if self.take_approach().is_some() {
            self.approach_is_over(now, verdict);
        }
    }

    /// A step took too long or went wrong on our side: what there is of the link is dropped.
    pub(crate) fn approach_failed(&mut self, now: Time, verdict: Verdict) {
        let Some(approach) = self.take_approach() else { return };
        self.discard(now, &approach);
        self.approach_is_over(now, verdict);
    }

    fn approach_is_over(&mut self, now: Time, verdict: Verdict) {
        if self.current().is_some() {
            self.handover_failed(now, &verdict);
        } else {
            self.retry(now, verdict);
        }
    }

    /// Takes the link that is on its way out of the connection.
    fn take_approach(&mut self) -> Option<Approach> {
        let approach = match &mut self.life {
            Life::Approaching(_) => match core::mem::replace(&mut self.life, Life::AwaitRetry) {
                Life::Approaching(approach) => Some(approach),
                Life::Idle | Life::AwaitRetry | Life::Live { .. } | Life::Closing | Life::Closed => None,
            },
            Life::Live { successor, .. } => successor.take(),
            Life::Idle | Life::AwaitRetry | Life::Closing | Life::Closed => None,
        };
        self.timers.clear(Timer::Credential);
        self.timers.clear(Timer::Dial);
        self.timers.clear(Timer::Accept);
        approach
    }

    /// A link that did not make it. Where it has presented our session, the gateway may have accepted it all the same.
    fn suspect_ghost(&mut self, now: Time, approach: &Approach) {
        if approach.has_presented_session() {
            self.own_ghost_until = now + GHOST;
        }
    }

    /// Drops what there is of a link.
    fn discard(&mut self, now: Time, approach: &Approach) {
        self.suspect_ghost(now, approach);
        match approach {
            Approach::AwaitCredential { fetch } => self.order(Output::ForgetCredential { fetch: *fetch }),
            Approach::AwaitOpened { link, .. }
            | Approach::AwaitAnswers { link }
            | Approach::AwaitAccepted { link, .. }
            | Approach::AwaitRejectedClose { link, .. } => self.order(Output::Abort { link: *link }),
        }
    }

    /// The current link is of no more use: it is dropped.
    pub(crate) fn give_up_current(&mut self, now: Time, cause: &str) {
        if let Some(link) = self.current().map(|current| current.link) {
            self.order(Output::Abort { link });
            self.current_lost(now, Verdict::retry(cause));
        }
    }

    /// The current link is gone. A successor that is on its way is the reconnect.
    fn current_lost(&mut self, now: Time, verdict: Verdict) {
        let Life::Live { current, successor } = core::mem::replace(&mut self.life, Life::AwaitRetry) else {
            return;
        };
        debug!(link = current.link.0, cause = verdict.cause(), "link lost");
        self.timers.clear(Timer::Ping);
        self.timers.clear(Timer::Pong);
        self.timers.clear(Timer::HandOver);
        self.timers.clear(Timer::Activity);
        self.gate.went_down(now, &self.config);
        self.wanted.forget_answers();
        // Nothing brings answers to its topics any more: what waits for them goes.
        self.close_when_answered(now);
        let Some(approach) = successor else {
            self.retry(now, verdict);
            return;
        };
        if let Verdict::Stop(reason) = verdict {
            self.discard(now, &approach);
            self.stop(reason);
            return;
        }
        let cause = verdict.cause();
        let Some(turn) = self.gate.next_turn(now, Haste::AtOnce, &self.config, &mut self.random) else {
            self.discard(now, &approach);
            self.stop(CloseReason::AttemptsExhausted { attempts: self.gate.attempts(), last: cause });
            return;
        };
        self.life = Life::Approaching(approach);
        self.set_state(ConnectionState::Reconnecting);
        let attempt = turn.attempt;
        self.notify(Notice::Reconnecting { attempt, delay: Duration::ZERO, cause });
        self.notify(Notice::AttemptStarted { attempt });
        self.resume_when_answered();
    }

    /// The one gate: whatever went wrong while there is no link comes through here.
    fn retry(&mut self, now: Time, verdict: Verdict) {
        let cause = verdict.cause();
        let haste = match verdict {
            Verdict::Stop(reason) => return self.stop(reason),
            Verdict::AskProviderAgain if !self.gate.may_ask_provider_again() => {
                return self.stop(CloseReason::Unauthorized);
            }
            Verdict::AskProviderAgain => Haste::AtOnce,
            Verdict::Retry { hold, .. } => {
                self.gate.hold(now, hold);
                Haste::Backoff
            }
        };
        let Some(turn) = self.gate.next_turn(now, haste, &self.config, &mut self.random) else {
            let attempts = self.gate.attempts();
            return self.stop(CloseReason::AttemptsExhausted { attempts, last: cause });
        };
        if self.retired.is_empty() {
            self.copies.forget();
        }
        self.life = Life::AwaitRetry;
        self.timers.set(Timer::Reconnect, turn.at);
        if self.state == ConnectionState::Connected {
            self.set_state(ConnectionState::Reconnecting);
        }
        let delay = turn.at.since(now);
        debug!(attempt = turn.attempt, ?delay, cause, "retrying");
        self.notify(Notice::Reconnecting { attempt: turn.attempt, delay, cause });
    }

    /// The connection is over without having been asked: nothing more comes.
    fn stop(&mut self, reason: CloseReason) {
        for retired in core::mem::take(&mut self.retired) {
            self.order(Output::Abort { link: retired.link });
        }
        self.settle(reason);
    }

    /// `Close`: final at any moment.
    pub(crate) fn close(&mut self, now: Time) {
        match core::mem::replace(&mut self.life, Life::Closing) {
            life @ (Life::Closing | Life::Closed) => {
                self.life = life;
                return;
            }
            Life::Idle | Life::AwaitRetry => {}
            Life::Approaching(approach) => self.part_from(now, &approach),
            Life::Live { current, successor } => {
                if let Some(approach) = successor {
                    self.part_from(now, &approach);
                }
                let Current { link, stream, topics, .. } = *current;
                self.order(Output::Close { link, code: CloseCode::NORMAL });
                self.retired.push(Retired {
                    link,
                    stream,
                    topics,
                    awaits: Farewell::Closed,
                    was_passed_over: false,
                    until: now,
                });
            }
        }
        for retired in &mut self.retired {
            if retired.awaits == Farewell::Answers {
                retired.awaits = Farewell::Closed;
                self.outputs.push_back(Output::Close { link: retired.link, code: CloseCode::NORMAL });
            }
        }
        self.drop_what_waits();
        self.timers.clear_all();
        self.set_state(ConnectionState::Closing);
        self.timers.set(Timer::Close, now + self.config.close_deadline);
        self.finish_closing();
    }

    /// A link that is open gets its closing handshake; before that there is nothing to say.
    fn part_from(&mut self, now: Time, approach: &Approach) {
        match approach {
            Approach::AwaitCredential { .. } | Approach::AwaitOpened { .. } => self.discard(now, approach),
            Approach::AwaitAnswers { link }
            | Approach::AwaitAccepted { link, .. }
            | Approach::AwaitRejectedClose { link, .. } => {
                let (link, topics) = (*link, LinkTopics::default());
                self.order(Output::Close { link, code: CloseCode::NORMAL });
                let awaits = Farewell::Closed;
                self.retired.push(Retired {
                    link,
                    stream: Stream::Plain,
                    topics,
                    awaits,
                    was_passed_over: false,
                    until: now,
                });
            }
        }
    }

    fn finish_closing(&mut self) {
        if self.retired.is_empty() {
            self.settle(CloseReason::Asked);
        }
    }

    /// The links have taken too long to close, or are no longer waited for.
    pub(crate) fn cut_closing_short(&mut self) {
        if matches!(self.life, Life::Closing) {
            self.stop(CloseReason::Asked);
        }
    }

    fn settle(&mut self, reason: CloseReason) {
        self.drop_what_waits();
        self.timers.clear_all();
        self.copies.forget();
        self.wanted.forget_answers();
        self.life = Life::Closed;
        self.set_state(ConnectionState::Closed(reason));
    }

    fn drop_what_waits(&mut self) {
        for (message, _) in self.outbox.take_all() {
            self.order(Output::DropMessage { message });
        }
        self.activities.forget_all();
    }
}
