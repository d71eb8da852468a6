//! One socket of the driver's: its dial, what waits to go out, what came in.
//!
//! Turns what a socket does into facts for the core. It decides nothing: what to close and when is the core's.

use core::task::{Context, Poll};
use std::collections::VecDeque;

use bowline_client_core::{DialFailure, Input, LinkId};
use bowline_proto::{CloseCode, Event, FrameDecoder, Limits};
use futures_util::future::BoxFuture;

use crate::dial::{BoxSocket, Outgoing, Received};
use crate::queue::Room;

/// Frames read from one link before the core gets them: enough that a wake-up pays for many, few enough that a fast
/// link does not keep a second one and the timers waiting.
const FRAMES_PER_TURN: usize = 256;

pub(crate) struct Link {
    id: LinkId,
    decoder: FrameDecoder,
    state: LinkState,
}

enum LinkState {
    AwaitSocket(BoxFuture<'static, Result<BoxSocket, DialFailure>>),
    Open(Open),
    /// The end has been reported; the link is dropped at the end of the turn.
    Over,
}

struct Open {
    socket: BoxSocket,
    /// Not yet taken by the socket.
    outgoing: VecDeque<Outgoing>,
    outgoing_bytes: usize,
    output: OutputSide,
}

/// What may still be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OutputSide {
    /// Everything; nothing waits in the socket's buffer.
    Flushed,
    /// Everything; the socket holds bytes that it has not written.
    Unflushed,
    /// Nothing more: writing failed. What the peer has said before may still be read, such as its reason to close.
    Broken,
}

/// Whether another turn would find more to read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The socket will wake the driver.
    UpToDate,
    /// The turn's share was used up.
    MoreMayWait,
}

impl Link {
    pub(crate) fn dial(
        id: LinkId,
        limits: Limits,
        dial: BoxFuture<'static, Result<BoxSocket, DialFailure>>,
    ) -> Self {
        Link { id, decoder: FrameDecoder::new(limits), state: LinkState::AwaitSocket(dial) }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, LinkState::Over)
    }

    /// Frames and bytes that wait to be written.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        match &self.state {
            LinkState::Open(open) => (open.outgoing.len(), open.outgoing_bytes),
            LinkState::AwaitSocket(_) | LinkState::Over => (0, 0),
        }
    }

    /// Takes a frame; written with the next [`Link::poll_write`]. A link that is not open forgets it, as a socket that
    /// has just broken would.
    pub(crate) fn send(&mut self, text: String) {
        if let LinkState::Open(open) = &mut self.state
            && open.output != OutputSide::Broken
        {
            open.outgoing_bytes += text.len();
            open.outgoing.push_back(Outgoing::Text(text));
        }
    }

    /// Takes the close frame, behind everything sent before it. A dial that is still under way is given up.
    pub(crate) fn close(&mut self, code: CloseCode, facts: &mut Vec<Input<Event>>) {
        match &mut self.state {
            LinkState::Open(open) => open.outgoing.push_back(Outgoing::Close(code)),
            LinkState::AwaitSocket(_) => {
                self.state = LinkState::Over;
                facts.push(Input::Closed { link: self.id, code: CloseCode::ABNORMAL });
            }
            LinkState::Over => {}
        }
    }

    /// Goes on with the dial; afterwards writes what waits, joined, and flushes once.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, facts: &mut Vec<Input<Event>>) {
        if let LinkState::AwaitSocket(dial) = &mut self.state {
            match dial.as_mut().poll(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(socket)) => {
                    self.state = LinkState::Open(Open {
                        socket,
                        outgoing: VecDeque::new(),
                        outgoing_bytes: 0,
                        output: OutputSide::Flushed,
                    });
                    facts.push(Input::Opened { link: self.id });
                }
                Poll::Ready(Err(failure)) => {
                    self.state = LinkState::Over;
                    facts.push(Input::DialFailed { link: self.id, failure });
                }
            }
        }
        if let LinkState::Open(open) = &mut self.state {
            open.poll_write(cx);
        }
    }

    /// Reads frames while there are any and `room` is left.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut Room,
        facts: &mut Vec<Input<Event>>,
    ) -> Reading {
        let LinkState::Open(open) = &mut self.state else { return Reading::UpToDate };
        let mut heard = false;
        for _ in 0..FRAMES_PER_TURN {
            if room.is_used_up() {
                // Not everything that was read fills the queue: the next turn sees whether it did.
                return Reading::MoreMayWait;
            }
            let received = match open.socket.as_mut().poll_next(cx) {
                Poll::Pending => return Reading::UpToDate,
                Poll::Ready(received) => received.unwrap_or(Received::Closed(CloseCode::ABNORMAL)),
            };
            match received {
                Received::Text(text) => {
                    room.take(text.len());
                    facts.push(match self.decoder.decode(&text) {
                        Ok(frame) => Input::Frame { link: self.id, frame },
                        Err(error) => Input::BadFrame { link: self.id, why: error.to_string() },
                    });
                }
                Received::Alive => {
                    // One is as good as a hundred within a turn.
                    if !heard {
                        heard = true;
                        facts.push(Input::Heard { link: self.id });
                    }
                }
                Received::Bad(why) => facts.push(Input::BadFrame { link: self.id, why }),
                Received::Closed(code) => {
                    // The answer to the peer's close frame goes out as far as the kernel takes it; nobody waits for it.
                    let _ = open.socket.as_mut().poll_flush(cx);
                    self.state = LinkState::Over;
                    facts.push(Input::Closed { link: self.id, code });
                    return Reading::UpToDate;
                }
            }
        }
        Reading::MoreMayWait
    }
}

impl Open {
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        if self.output == OutputSide::Broken {
            return;
        }
        if let Err(error) = self.try_write(cx) {
            tracing::debug!(%error, "writing failed; reading goes on until the end is known");
            self.output = OutputSide::Broken;
            self.outgoing.clear();
            self.outgoing_bytes = 0;
        }
    }

    fn try_write(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.socket.as_mut().poll_ready(cx)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(()) => {}
            }
            let Some(next) = self.outgoing.pop_front() else { break };
            if let Outgoing::Text(text) = &next {
                self.outgoing_bytes -= text.len();
            }
            self.socket.as_mut().start_send(next)?;
            self.output = OutputSide::Unflushed;
        }
        if self.output == OutputSide::Unflushed && self.socket.as_mut().poll_flush(cx)?.is_ready() {
            self.output = OutputSide::Flushed;
        }
        Ok(())
    }
}
