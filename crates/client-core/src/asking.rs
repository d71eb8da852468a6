//! What the application may ask for, and when it is refused.

use std::sync::Arc;

use bowline_proto::{ActivityStatus, Time, Topic};

use crate::client_core::{ClientCore, Life};
use crate::timers::Timer;
use crate::vocabulary::{Command, CommandError, ConnectionState, MessageId, Output};

impl<B> ClientCore<B> {
    /// Takes a wish of the application's.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then. `Connect` and `Close` are never refused.
    pub fn command(&mut self, now: Time, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Connect => self.connect(now),
            Command::Close => self.close(now),
            Command::Subscribe(topics) => self.subscribe(topics)?,
            Command::Unsubscribe(topics) => self.unsubscribe(&topics)?,
            Command::SendActivity { conversation_id, status } => {
                self.send_activity(now, conversation_id, status)?
            }
            Command::Send { message, bytes } => self.send_message(message, bytes)?,
            Command::HandOver => {
                self.refuse_when_closed()?;
                self.hand_over_asked(now);
            }
        }
        Ok(())
    }

    fn connect(&mut self, now: Time) {
        self.cut_closing_short();
        match self.life {
            Life::Idle | Life::Closed => {
                self.gate.start_over();
                self.set_state(ConnectionState::Connecting);
                self.begin_attempt(now);
            }
            Life::AwaitRetry => self.try_at_once(now),
            Life::Approaching(_) | Life::Live { .. } | Life::Closing => {}
        }
    }

    /// Brings the next attempt forward, as far as servers have not asked us to wait.
    pub(crate) fn try_at_once(&mut self, now: Time) {
        if matches!(self.life, Life::AwaitRetry) {
            self.timers.set(Timer::Reconnect, self.gate.earliest(now));
        }
    }

    fn subscribe(&mut self, topics: Vec<Topic>) -> Result<(), CommandError> {
        self.refuse_when_closed()?;
        self.wanted.add(topics, self.config.max_subscriptions)?;
        self.catch_up_topics();
        Ok(())
    }

    fn unsubscribe(&mut self, topics: &[Topic]) -> Result<(), CommandError> {
        self.refuse_when_closed()?;
        for topic in topics {
            self.wanted.remove(topic);
            self.delivery.interrupt(topic.as_str());
        }
        self.catch_up_topics();
        Ok(())
    }

    fn send_activity(
        &mut self,
        now: Time,
        conversation_id: Arc<str>,
        status: ActivityStatus,
    ) -> Result<(), CommandError> {
        self.refuse_when_closed()?;
        let line = self.line();
        let frame = self.activities.set(now, conversation_id, status, line, &self.config)?;
        if let (Some(link), Some(frame)) = (self.current().map(|current| current.link), frame) {
            self.send(link, frame);
        }
        self.activities.arm(line, &mut self.timers);
        Ok(())
    }

    fn send_message(&mut self, message: MessageId, bytes: usize) -> Result<(), CommandError> {
        self.refuse_when_closed()?;
        match self.current().map(|current| current.link) {
            Some(link) => {
                self.order(Output::SendMessage { link, message });
                Ok(())
            }
            None => self.outbox.push(message, bytes, &self.config),
        }
    }

    fn refuse_when_closed(&self) -> Result<(), CommandError> {
        match self.life {
            Life::Closing | Life::Closed => Err(CommandError::Closed),
            Life::Idle | Life::AwaitRetry | Life::Approaching(_) | Life::Live { .. } => Ok(()),
        }
    }
}
