//! The one task of a socket that calls handlers: takes from the connection, tells whoever listens, ends with the run.

use core::future::poll_fn;
use std::sync::Arc;

use bowline_client_core::{ConnectionState, Notice};
use bowline_proto::Rejected;

use crate::agent::error::AgentError;
use crate::agent::life::{Agent, Life, News, Standing, Step};
use crate::agent::news::{Subscribed, Unsubscribed};
use crate::agent::state::AgentState;
use crate::error::ConnectError;
use crate::incoming::Incoming;

/// Items told before the runtime's other tasks get a turn.
const ITEMS_PER_TURN: usize = 128;

pub(crate) struct Pump {
    agent: Arc<Agent>,
    /// It ran to its end.
    is_finished: bool,
    /// What the server last gave as its reason to refuse this run.
    rejected: Option<Rejected>,
}

impl Pump {
    pub(crate) fn new(agent: Arc<Agent>) -> Self {
        Pump { agent, is_finished: false, rejected: None }
    }

    pub(crate) async fn run(mut self) {
        let mut told = 0;
        loop {
            match poll_fn(|cx| self.agent.poll_step(cx)).await {
                Step::Tell(news) => self.tell(news),
                Step::Take(item, number) => self.take(item, number),
                Step::Over(number, reason) => {
                    self.over(number, reason.map_or(ConnectError::RuntimeGone, Into::into))
                }
                Step::Finish => break,
            }
            told += 1;
            if told % ITEMS_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.is_finished = true;
    }

    fn tell(&self, news: News) {
        let hearing = &self.agent.hearing;
        match news {
            News::State(state) => hearing.tell(&hearing.state, &state),
            News::Rejected(rejected) => hearing.tell(&hearing.rejected, &rejected),
            News::Error(error) => hearing.tell_error(&error),
            News::Settled(standing, Ok(())) => standing.send_modify(Standing::accepted),
            News::Settled(standing, Err(error)) => standing.send_modify(|standing| standing.ended(error)),
        }
    }

    fn take(&mut self, item: Incoming, number: u64) {
        let hearing = &self.agent.hearing;
        match item {
            Incoming::Event(event) => hearing.tell_event(&event),
            Incoming::Gap(gap) => hearing.tell(&hearing.gap, &gap),
            Incoming::Moved(_) => {}
            Incoming::Notice(notice) => self.noticed(notice, number),
        }
    }

    fn noticed(&mut self, notice: Notice, number: u64) {
        let hearing = &self.agent.hearing;
        match notice {
            Notice::State(state) => self.entered(state, number),
            Notice::AttemptStarted { .. } => self.note(number, |life| life.enter(AgentState::Connecting)),
            Notice::Reconnecting { attempt, delay, cause } => self.note(number, |life| {
                life.enter(AgentState::Disconnected);
                life.tell(News::Error(AgentError::Lost { attempt, delay, cause }));
            }),
            Notice::Rejected(rejected) => self.rejected = Some(rejected),
            Notice::SubscribeAck(ack) => {
                self.note(number, |life| life.topics.refused(&ack.errors));
                let answer = Subscribed { topics: ack.subscribed, refused: ack.errors };
                hearing.tell(&hearing.subscribed, &answer);
            }
            Notice::UnsubscribeAck(topics) => hearing.tell(&hearing.unsubscribed, &Unsubscribed { topics }),
            Notice::Skipped { after, now } => hearing.tell_error(&AgentError::Skipped { after, now }),
            Notice::HandoverFailed { cause, .. } => hearing.tell_error(&AgentError::HandoverFailed { cause }),
            Notice::GatewayError { code, message } => {
                hearing.tell_error(&AgentError::Server { code, message })
            }
            Notice::Trouble(what) => hearing.tell_error(&AgentError::Trouble(what)),
            // Told by other means, or nothing that an application has to know.
            _ => {}
        }
    }

    fn entered(&mut self, state: ConnectionState, number: u64) {
        match state {
            ConnectionState::Connecting => self.note(number, |life| life.enter(AgentState::Connecting)),
            ConnectionState::Connected => {
                self.rejected = None;
                self.accepted(number);
            }
            ConnectionState::Reconnecting => {
                // Whoever calls `connect` from now on waits for the next acceptance.
                self.note(number, |life| life.enter(AgentState::Disconnected));
                if let Some(run) = self.agent.life().run(number) {
                    run.standing().send_modify(Standing::lost);
                }
            }
            ConnectionState::Closed(reason) => self.over(number, reason.into()),
            ConnectionState::Idle | ConnectionState::Closing => {}
        }
    }

    /// Changes the life of this run; one that has ended meanwhile has no more.
    fn note(&self, number: u64, change: impl FnOnce(&mut Life)) {
        let mut life = self.agent.life();
        if life.run(number).is_some() {
            change(&mut life);
        }
    }

    /// Tells the state, and behind it whoever waits for it.
    fn accepted(&self, number: u64) {
        self.note(number, |life| {
            life.enter(AgentState::Connected);
            if let Some(standing) = life.run(number).map(|run| run.standing()) {
                life.tell(News::Settled(standing, Ok(())));
            }
        });
    }

    /// The run is over by itself. It is gone before the handlers hear of it, so that they may connect again.
    fn over(&mut self, number: u64, error: ConnectError) {
        let rejected = self.rejected.take();
        let run = {
            let mut life = self.agent.life();
            let Some(run) = life.end_run(number) else { return };
            life.enter(AgentState::Disconnected);
            if let Some(rejected) = rejection(&error, rejected) {
                life.tell(News::Rejected(rejected));
            }
            life.tell(News::Error(AgentError::Ended(error.clone())));
            life.tell(News::Settled(run.standing(), Err(error)));
            run
        };
        drop(run);
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if !self.is_finished {
            self.agent.pump_dropped();
        }
    }
}

/// What `on_connection_rejected` is told about an end, if the server meant it.
fn rejection(error: &ConnectError, last: Option<Rejected>) -> Option<Rejected> {
    match error {
        ConnectError::Rejected(rejected) => Some(rejected.clone()),
        // A refused upgrade has no frame.
        ConnectError::Unauthorized => Some(last.unwrap_or_else(|| Rejected {
            reason: "UNAUTHORIZED".to_owned(),
            message: error.to_string(),
            retry_after: None,
        })),
        _ => None,
    }
}
