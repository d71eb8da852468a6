//! What the application is handed: an event, a loss, a new position, or news.

use bowline_client_core::Notice;
use bowline_proto::{Cursor, Event, Gap};

/// One item of a connection's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// An event, or a signal (which has no place in the log).
    Event(Event),
    /// Events of one topic that cannot be had any more; what follows in the stream goes on behind them.
    Gap(Gap),
    /// Everything up to here is behind the reader, though none of it was an event of this connection's: the position
    /// of a quiet connection stays young, so save it as you save an event's.
    Moved(Cursor),
    /// News of the connection, in order with the events around it. Never `Notice::Gap` or `Notice::Moved`.
    Notice(Notice),
}
