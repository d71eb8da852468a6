//! The connection as its driver sees it.

use std::collections::VecDeque;

use bowline_proto::Time;

use crate::config::ClientConfig;
use crate::timers::{Deadline, Timers};
use crate::vocabulary::{Command, CommandError, ConnectionState, Input, Output, SavedPosition};

/// The life of one connection.
#[derive(Debug)]
pub struct ClientCore<B> {
    config: ClientConfig,
    timers: Timers,
    outputs: VecDeque<Output<B>>,
    state: ConnectionState,
}

impl<B> ClientCore<B> {
    /// A connection that waits for [`Command::Connect`]. `seed` feeds its jitter: the same seed and the same calls
    /// give the same orders.
    #[must_use]
    pub fn new(config: ClientConfig, _seed: u64, _now: Time) -> Self {
        ClientCore {
            config,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            state: ConnectionState::Idle,
        }
    }

    /// Takes a fact. Infallible: a bad peer becomes orders.
    pub fn handle(&mut self, _now: Time, _input: Input<B>) {}

    /// Takes a wish of the application's.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn command(&mut self, _now: Time, _command: Command) -> Result<(), CommandError> {
        Ok(())
    }

    /// Tells that time has passed. Early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        let _ = self.timers.take_due(now);
    }

    /// The next order; drain to `None` after every call of the three above.
    pub fn poll_output(&mut self) -> Option<Output<B>> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.timers.next()
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// Where a reader stands to whom everything that was ordered to be delivered has been handed.
    #[must_use]
    pub fn position(&self) -> SavedPosition {
        let from = self.config.resume_from.clone();
        from.unwrap_or(SavedPosition { session_id: None, cursor: None })
    }
}
