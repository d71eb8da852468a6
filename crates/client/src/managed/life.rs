//! What a managed socket's handles, its task and its client share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_client_core::CloseReason;
use bowline_proto::Gap;
use tokio::sync::watch;

use crate::connection::Connection;
use crate::emitter::Emitter;
use crate::error::ConnectError;
use crate::managed::failure::{OpenError, SendError, SocketError};
use crate::managed::message::MessageEvent;
use crate::managed::state::SocketState;
use crate::managed::trace::Trace;
use crate::ticket::{TicketError, TicketNote};

pub(crate) struct Life {
    pub(crate) label: Arc<str>,
    pub(crate) messages: Emitter<MessageEvent>,
    pub(crate) states: Emitter<SocketState>,
    pub(crate) reconnectings: Emitter<u32>,
    pub(crate) errors: Emitter<SocketError>,
    pub(crate) gaps: Emitter<Gap>,
    pub(crate) trace: Option<Trace>,
    /// Why the last ticket could not be bought.
    pub(crate) ticket_note: TicketNote,
    pub(crate) beginning: Arc<watch::Sender<Beginning>>,
    /// Turns true behind the last call of a handler.
    ended: watch::Sender<bool>,
    status: Mutex<Status>,
}

struct Status {
    /// As it was told last.
    state: SocketState,
    /// `close` was called: that is true before it is told.
    is_close_asked: bool,
    last_error: Option<SocketError>,
    /// `None` once it is over, so that its task ends though handles remain.
    connection: Option<Connection>,
}

/// What is known of the first attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    Awaited,
    /// The first dial has begun, with its ticket, or it failed in a way that another attempt may mend.
    Begun,
    Over(CloseReason),
    RuntimeGone,
}

impl Beginning {
    /// Only the first news counts.
    pub(crate) fn tell(self, sender: &watch::Sender<Beginning>) {
        sender.send_if_modified(|beginning| {
            let is_news = *beginning == Beginning::Awaited;
            if is_news {
                *beginning = self;
            }
            is_news
        });
    }
}

impl Life {
    pub(crate) fn new(label: Arc<str>, trace: Option<Trace>) -> Self {
        Life {
            label,
            messages: Emitter::new("on_message"),
            states: Emitter::new("on_state_change"),
            reconnectings: Emitter::new("on_reconnecting"),
            errors: Emitter::new("on_error"),
            gaps: Emitter::new("on_gap"),
            trace,
            ticket_note: TicketNote::default(),
            beginning: Arc::new(watch::Sender::new(Beginning::Awaited)),
            ended: watch::Sender::new(false),
            status: Mutex::new(Status {
                state: SocketState::Connecting,
                is_close_asked: false,
                last_error: None,
                connection: None,
            }),
        }
    }

    pub(crate) fn live_on(&self, connection: Connection) {
        self.status().connection = Some(connection);
    }

    /// Waits until the first dial has begun or failed.
    pub(crate) async fn begun(&self) -> Result<(), OpenError> {
        let mut beginning = self.beginning.subscribe();
        let known = beginning.wait_for(|beginning| *beginning != Beginning::Awaited).await;
        let reason = match known.as_deref() {
            Ok(Beginning::Begun) => return Ok(()),
            Ok(Beginning::Over(reason)) => reason.clone(),
            Ok(Beginning::Awaited | Beginning::RuntimeGone) | Err(_) => {
                return Err(ConnectError::RuntimeGone.into());
            }
        };
        Err(match (reason, self.ticket_note.read()) {
            (CloseReason::NoCredential(message), _) => TicketError::NoToken { message }.into(),
            (CloseReason::Unauthorized | CloseReason::Unreachable(_), Some(error)) => error.into(),
            (other, _) => ConnectError::from(other).into(),
        })
    }

    pub(crate) fn state(&self) -> SocketState {
        let status = self.status();
        match status.state {
            SocketState::Closed => SocketState::Closed,
            _ if status.is_close_asked => SocketState::Closing,
            told => told,
        }
    }

    /// True when the state is another than before.
    pub(crate) fn set_state(&self, state: SocketState) -> bool {
        core::mem::replace(&mut self.status().state, state) != state
    }

    pub(crate) fn last_error(&self) -> Option<SocketError> {
        self.status().last_error.clone()
    }

    pub(crate) fn set_last_error(&self, error: SocketError) {
        self.status().last_error = Some(error);
    }

    pub(crate) fn send(&self, text: String) -> Result<(), SendError> {
        let status = self.status();
        match &status.connection {
            Some(connection) if !status.is_close_asked => Ok(connection.send(text)?),
            Some(_) | None => Err(SendError::Closed),
        }
    }

    pub(crate) fn network_returned(&self) {
        if let Some(connection) = &self.status().connection {
            connection.network_returned();
        }
    }

    pub(crate) fn close(&self) {
        let mut status = self.status();
        status.is_close_asked = true;
        if let Some(connection) = &status.connection {
            connection.start_close();
        }
    }

    pub(crate) fn destroy(&self) {
        self.end_emitters();
        self.close();
    }

    pub(crate) async fn closed(&self) {
        // The sender is here, so this ends when it is told and not before.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// The task is over: nothing will be told any more, and nothing is left running.
    pub(crate) fn finish(&self) {
        Beginning::RuntimeGone.tell(&self.beginning);
        let mut status = self.status();
        status.state = SocketState::Closed;
        let connection = status.connection.take();
        drop(status);
        drop(connection);
        self.end_emitters();
        self.ended.send_replace(true);
    }

    fn end_emitters(&self) {
        self.messages.end();
        self.states.end();
        self.reconnectings.end();
        self.errors.end();
        self.gaps.end();
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        // Nothing of the application's runs under the lock.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
