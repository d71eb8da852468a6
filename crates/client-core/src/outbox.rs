//! Which messages wait while there is no link, and how many: in order, bounded by count and by bytes; a message beyond
//! a bound is refused, never an older one dropped.

use crate::config::ClientConfig;
use crate::vocabulary::{CommandError, MessageId};

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Vec<(MessageId, usize)>,
    bytes: usize,
}

impl Outbox {
    /// Takes a message to the end of the queue.
    pub(crate) fn push(
        &mut self,
        message: MessageId,
        bytes: usize,
        config: &ClientConfig,
    ) -> Result<(), CommandError> {
        let is_full = self.waiting.len() >= config.outbox_messages
            || self.bytes.saturating_add(bytes) > config.outbox_bytes;
        if is_full {
            return Err(CommandError::OutboxFull { messages: self.waiting.len(), bytes: self.bytes });
        }
        self.bytes += bytes;
        self.waiting.push((message, bytes));
        Ok(())
    }

    /// Everything that waits, the oldest first, with its length.
    pub(crate) fn take_all(&mut self) -> Vec<(MessageId, usize)> {
        self.bytes = 0;
        core::mem::take(&mut self.waiting)
    }
}
