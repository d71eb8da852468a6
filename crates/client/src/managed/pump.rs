//! The task of a managed socket: takes what the connection has, in order, and tells it to whoever listens.
//!
//! While a stream of the socket's is full, nothing more is taken; a close lifts that. Messages that come before the
//! first listener of `on_message` wait for it, and so do gaps that nobody has heard, in their place among them.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bowline_client_core::{CloseReason, ConnectionState, Notice};
use bowline_proto::{Event, Gap};
use futures_core::Stream;
use futures_util::future::{Either, select};
use tokio::sync::watch;

use crate::emitter::Emitter;
use crate::incoming::Incoming;
use crate::managed::failure::SocketError;
use crate::managed::life::{Beginning, Life};
use crate::managed::message::MessageEvent;
use crate::managed::registry::Entry;
use crate::managed::state::SocketState;
use crate::streams::IncomingStream;

pub(crate) struct Pump {
    life: Arc<Life>,
    incoming: IncomingStream,
    connection_state: watch::Receiver<ConnectionState>,
    before_listeners: BeforeListeners,
    _entry: Entry,
}

/// What becomes of messages.
enum BeforeListeners {
    /// Nobody has listened yet: the newest items wait.
    Waiting(VecDeque<Early>),
    /// Somebody has: from then on a message that nobody listens to is gone.
    Over,
}

enum Early {
    Message(MessageEvent),
    Gap(Gap),
}

/// How many items wait for the first listener; beyond it the oldest go, as any message without a listener does.
const EARLY_ITEMS: usize = 1024;

enum Next {
    Item(Incoming),
    /// The first listener of `on_message` has come.
    Listener,
    Over,
}

impl Pump {
    pub(crate) fn new(
        life: Arc<Life>,
        incoming: IncomingStream,
        connection_state: watch::Receiver<ConnectionState>,
        entry: Entry,
    ) -> Self {
        let before_listeners = BeforeListeners::Waiting(VecDeque::new());
        Pump { life, incoming, connection_state, before_listeners, _entry: entry }
    }

    pub(crate) async fn run(mut self) {
        self.trace("state: connecting");
        loop {
            // A server that sends without a pause must not keep the runtime's other tasks waiting.
            tokio::task::coop::consume_budget().await;
            match self.next().await {
                Next::Item(Incoming::Event(event)) => self.message(event).await,
                Next::Item(Incoming::Gap(gap)) => self.gap(gap).await,
                Next::Item(Incoming::Notice(notice)) => self.notice(notice).await,
                Next::Item(Incoming::Moved(_)) => {}
                Next::Listener => self.tell_early().await,
                Next::Over => return,
            }
        }
    }

    async fn next(&mut self) -> Next {
        let Pump { life, incoming, before_listeners, .. } = self;
        poll_fn(|cx| {
            let waits = matches!(before_listeners, BeforeListeners::Waiting(early) if !early.is_empty());
            if waits && life.messages.poll_listener(cx).is_ready() {
                return Poll::Ready(Next::Listener);
            }
            let item = Pin::new(&mut *incoming).poll_next(cx);
            item.map(|item| item.map_or(Next::Over, Next::Item))
        })
        .await
    }

    async fn message(&mut self, event: Event) {
        let message = MessageEvent::new(event);
        if let BeforeListeners::Waiting(early) = &mut self.before_listeners {
            if self.life.messages.listener_count() == 0 {
                wait_for_listener(early, Early::Message(message));
                return;
            }
            self.tell_early().await;
        }
        self.tell(|life| &life.messages, &message).await;
    }

    async fn gap(&mut self, gap: Gap) {
        self.trace(format_args!("gap: {} after {} before {}", gap.topic, gap.after, gap.before));
        if let BeforeListeners::Waiting(early) = &mut self.before_listeners
            && self.life.gaps.listener_count() == 0
        {
            wait_for_listener(early, Early::Gap(gap));
            return;
        }
        self.tell(|life| &life.gaps, &gap).await;
    }

    async fn tell_early(&mut self) {
        let early = core::mem::replace(&mut self.before_listeners, BeforeListeners::Over);
        let BeforeListeners::Waiting(early) = early else { return };
        for item in early {
            match item {
                Early::Message(message) => self.tell(|life| &life.messages, &message).await,
                Early::Gap(gap) => self.tell(|life| &life.gaps, &gap).await,
            }
        }
    }

    async fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::State(state) => self.state(state).await,
            Notice::Reconnecting { attempt, delay, cause } => self.interrupted(attempt, delay, cause).await,
            Notice::AttemptStarted { attempt } => {
                self.trace(format_args!("reconnect attempt {attempt}"));
                self.tell(|life| &life.reconnectings, &attempt).await;
            }
            Notice::Skipped { after, .. } => self.error(SocketError::Skipped { after }).await,
            Notice::GatewayError { code, message } => self.error(SocketError::Server { code, message }).await,
            Notice::Trouble(message) => self.error(SocketError::Trouble { message }).await,
            Notice::HandoverStarted => self.trace("handover started"),
            Notice::HandoverFailed { cause, delay: Some(delay) } => {
                self.trace(format_args!("handover failed, again in {delay:?}: {cause}"));
            }
            Notice::HandoverFailed { cause, delay: None } => {
                self.trace(format_args!("handover failed, no other is planned: {cause}"));
            }
            Notice::Accepted { occasion, .. } => self.trace(format_args!("accepted: {occasion:?}")),
            // A rejection is told by what follows from it: the end, or another attempt. Topics are the server's
            // affair here.
            _ => {}
        }
    }

    async fn interrupted(&mut self, attempt: u32, delay: Duration, cause: String) {
        // At once: a fresh token is asked for, and the first attempt is not over yet.
        if !delay.is_zero() {
            Beginning::Begun.tell(&self.life.beginning);
        }
        self.enter(SocketState::Reconnecting).await;
        self.error(SocketError::Interrupted { cause, attempt, delay }).await;
    }

    async fn state(&mut self, state: ConnectionState) {
        match state {
            ConnectionState::Idle | ConnectionState::Connecting => {}
            ConnectionState::Connected => self.enter(SocketState::Open).await,
            ConnectionState::Reconnecting => self.enter(SocketState::Reconnecting).await,
            ConnectionState::Closing => self.enter(SocketState::Closing).await,
            ConnectionState::Closed(reason) => {
                Beginning::Over(reason.clone()).tell(&self.life.beginning);
                if reason == CloseReason::Asked {
                    self.enter(SocketState::Closing).await;
                } else {
                    self.error(SocketError::Ended(reason.into())).await;
                }
                self.enter(SocketState::Closed).await;
            }
        }
    }

    async fn enter(&mut self, state: SocketState) {
        if self.life.set_state(state) {
            self.trace(format_args!("state: {state}"));
            self.tell(|life| &life.states, &state).await;
        }
    }

    async fn error(&mut self, error: SocketError) {
        self.trace(format_args!("error: {error}"));
        self.life.set_last_error(error.clone());
        // A panic while an error is told has been logged; telling it would go round in circles.
        let _ = self.life.errors.emit(&error);
        self.room(|life| &life.errors).await;
    }

    async fn tell<T: 'static>(&mut self, emitter: impl Fn(&Life) -> &Emitter<T>, value: &T) {
        for panic in emitter(&self.life).emit(value) {
            let error = SocketError::HandlerPanicked(panic);
            self.life.set_last_error(error.clone());
            let _ = self.life.errors.emit(&error);
        }
        self.room(emitter).await;
    }

    /// Waits until no stream of the emitter's is full, or the socket closes.
    async fn room<T: 'static>(&mut self, emitter: impl Fn(&Life) -> &Emitter<T>) {
        let emitter = emitter(&self.life);
        if emitter.has_room() {
            return;
        }
        let ends = self.connection_state.wait_for(|state| match state {
            ConnectionState::Closing | ConnectionState::Closed(_) => true,
            ConnectionState::Idle
            | ConnectionState::Connecting
            | ConnectionState::Connected
            | ConnectionState::Reconnecting => false,
        });
        match select(pin!(poll_fn(|cx| emitter.poll_room(cx))), pin!(ends)).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }

    fn trace(&self, what: impl core::fmt::Display) {
        if let Some(trace) = &self.life.trace {
            trace.line(what);
        }
    }
}

fn wait_for_listener(early: &mut VecDeque<Early>, item: Early) {
    if early.len() == EARLY_ITEMS {
        early.pop_front();
    }
    early.push_back(item);
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.life.finish();
    }
}
