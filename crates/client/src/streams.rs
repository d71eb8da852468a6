//! How the application takes what it is handed: one ordered stream of events, gaps and news.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::fmt;
use std::sync::Arc;

use bowline_client_core::SavedPosition;
use bowline_proto::Event;
use futures_core::Stream;

use crate::incoming::Incoming;
use crate::shared::Shared;

/// Everything that a connection has for the application, in order. Each item goes to one stream: several streams of one
/// connection share the work, they do not copy it.
///
/// Take items as they come, or drop the connection: when as many wait as [`queue`](crate::ConnectionBuilder::queue)
/// allows, reading stops until half of them have been taken.
///
/// The stream ends when the connection is closed and everything has been taken; after
/// [`connect_again`](crate::Connection::connect_again) it goes on. It does not keep the connection open: that lives
/// as long as the last [`Connection`](crate::Connection).
#[must_use = "streams do nothing unless polled"]
pub struct IncomingStream {
    shared: Arc<Shared>,
    /// Which waker is this stream's.
    key: u64,
}

impl IncomingStream {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let key = shared.add_reader();
        IncomingStream { shared, key }
    }

    /// Where a reader stands who has dealt with everything that was taken so far: what to save after an item has been
    /// processed and before the next one is taken.
    #[must_use]
    pub fn position(&self) -> SavedPosition {
        self.shared.position()
    }

    /// Only the events. Gaps are written to the log as warnings, other news is left out: watch
    /// [`state`](crate::Connection::state) for the connection's own.
    pub fn only_events(self) -> Events {
        Events { incoming: self }
    }
}

impl Stream for IncomingStream {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.shared.poll_incoming(self.key, cx)
    }
}

impl Drop for IncomingStream {
    fn drop(&mut self) {
        self.shared.remove_reader(self.key);
    }
}

impl fmt::Debug for IncomingStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingStream").finish_non_exhaustive()
    }
}

/// The events alone, made by [`IncomingStream::only_events`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Events {
    incoming: IncomingStream,
}

impl Events {
    /// As [`IncomingStream::position`].
    #[must_use]
    pub fn position(&self) -> SavedPosition {
        self.incoming.position()
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            match ready!(Pin::new(&mut self.incoming).poll_next(cx)) {
                Some(Incoming::Event(event)) => return Poll::Ready(Some(event)),
                Some(Incoming::Gap(gap)) => {
                    let (after, before) = (gap.after.get(), gap.before.get());
                    tracing::warn!(topic = %gap.topic, after, before, reason = ?gap.reason, "events were lost");
                }
                Some(Incoming::Moved(_) | Incoming::Notice(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}
