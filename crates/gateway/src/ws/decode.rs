//! How the bytes of one client become messages.
//!
//! A message that lies wholly in the bytes of one read is handed on in place. Only what a read leaves unfinished is kept, in
//! a box that is freed with the last byte of the message, so that an idle connection costs 32 bytes here.

use core::mem;
use core::ops::ControlFlow;

use crate::ws::header::{self, Allowed, Carries, Control, DataKind, Header, MAX_HEADER};
use crate::ws::mask::unmask;
use crate::ws::message::{Received, close_frame};
use crate::ws::utf8;
use crate::ws::violation::Violation;

/// Turns the bytes of one client into messages. Small while idle: nothing is held between complete messages.
///
/// ```
/// use core::ops::ControlFlow;
/// use bowline_gateway::ws::{Decoder, Received};
///
/// let mut decoder = Decoder::new(64 * 1024);
/// let mut bytes = *b"\x81\x85\x00\x00\x00\x00hello";
/// let mut heard = Vec::new();
/// decoder.feed(&mut bytes, &mut |received| {
///     if let Received::Text(text) = received { heard.push(text.to_vec()); }
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(heard, [b"hello".to_vec()]);
/// # Ok::<(), bowline_gateway::ws::Violation>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    /// The longest message, in bytes.
    limit: usize,
    /// What the bytes so far left behind.
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between two messages.
    Between,
    /// Inside a frame or a fragmented message.
    Inside(Box<Unfinished>),
    /// A close frame came, or the sink broke: what comes is dropped.
    Ended,
    /// The client broke a rule.
    Failed(Violation),
}

/// What must be remembered until more bytes come.
#[derive(Debug)]
struct Unfinished {
    /// The open message; control frames leave it alone.
    message: Option<Message>,
    /// The open frame.
    frame: Frame,
}

#[derive(Debug)]
enum Frame {
    /// The first bytes of a header, or none.
    AwaitHeader { bytes: [u8; MAX_HEADER], len: usize },
    /// A header and a part of the payload. `control` keeps that of a control frame, the message that of a data frame.
    AwaitPayload { header: Header, taken: usize, control: Vec<u8> },
}

#[derive(Debug)]
struct Message {
    kind: DataKind,
    /// What came; within the limit. Grows with what has come, not with what is announced.
    bytes: Vec<u8>,
    /// Up to where a text is known to be complete characters.
    checked: usize,
}

/// The sink a decoder talks to.
type Sink<'a> = dyn FnMut(Received<'_>) -> ControlFlow<()> + 'a;

impl Decoder {
    /// A decoder that refuses messages above `max_message` bytes.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Decoder { limit: max_message, state: State::Between }
    }

    /// Takes what came, in order, and hands every complete message to `sink`. `input` is unmasked in place. When `sink`
    /// breaks, or after a close frame, the rest is dropped and nothing more is decoded.
    ///
    /// # Errors
    /// The first [`Violation`]; the link is over then, further calls return the same.
    pub fn feed(
        &mut self,
        input: &mut [u8],
        sink: &mut dyn FnMut(Received<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        let mut rest = input;
        while !rest.is_empty() {
            let step = match mem::replace(&mut self.state, State::Between) {
                State::Between => self.start(rest, sink),
                State::Inside(unfinished) => self.go_on(unfinished, rest, sink),
                State::Ended => {
                    self.state = State::Ended;
                    return Ok(());
                }
                State::Failed(violation) => Err(violation),
            };
            match step {
                Ok(used) => rest = &mut rest[used..],
                Err(violation) => {
                    self.state = State::Failed(violation);
                    return Err(violation);
                }
            }
        }
        Ok(())
    }

    /// Between messages: the short way for a frame that is here as a whole, which is nearly every frame.
    fn start(&mut self, input: &mut [u8], sink: &mut Sink<'_>) -> Result<usize, Violation> {
        if let Some(header) = header::parse(input, Allowed { limit: self.limit, open: None })? {
            let end = header.size + header.length;
            if header.is_last && input.len() >= end {
                let payload = &mut input[header.size..end];
                unmask(payload, header.mask, 0);
                self.state = after(deliver(header.carries, payload, sink)?);
                return Ok(end);
            }
        }
        self.go_on(Box::new(Unfinished { message: None, frame: Frame::NONE }), input, sink)
    }

    /// Inside a frame or a message: takes one step, at most to the end of the frame.
    fn go_on(
        &mut self,
        mut unfinished: Box<Unfinished>,
        input: &mut [u8],
        sink: &mut Sink<'_>,
    ) -> Result<usize, Violation> {
        let (used, next) = unfinished.advance(input, self.limit, sink)?;
        self.state = match next {
            State::Between if unfinished.is_unfinished() => State::Inside(unfinished),
            next => next,
        };
        Ok(used)
    }
}

impl Frame {
    const NONE: Frame = Frame::AwaitHeader { bytes: [0; MAX_HEADER], len: 0 };
}

impl Unfinished {
    fn is_unfinished(&self) -> bool {
        self.message.is_some() || !matches!(self.frame, Frame::AwaitHeader { len: 0, .. })
    }

    /// Takes bytes up to the end of the header and of the payload, as far as they are here. Says how many, and what the
    /// decoder's state is as far as a delivered frame decided it.
    fn advance(
        &mut self,
        input: &mut [u8],
        limit: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(usize, State), Violation> {
        let mut used = 0;
        if let Frame::AwaitHeader { bytes, len } = &mut self.frame {
            let taken = input.len().min(MAX_HEADER - *len);
            bytes[*len..*len + taken].copy_from_slice(&input[..taken]);
            let allowed = Allowed { limit, open: self.message.as_ref().map(|message| message.bytes.len()) };
            let Some(header) = header::parse(&bytes[..*len + taken], allowed)? else {
                // A header of 14 bytes is always complete, so `taken` was all that there is.
                *len += taken;
                return Ok((taken, State::Between));
            };
            used = header.size - *len;
            if let Carries::Start(kind) = header.carries {
                self.message = Some(Message { kind, bytes: Vec::new(), checked: 0 });
            }
            self.frame = Frame::AwaitPayload { header, taken: 0, control: Vec::new() };
        }
        let Frame::AwaitPayload { header, taken, control } = &mut self.frame else {
            return Ok((used, State::Between));
        };
        let here = (input.len() - used).min(header.length - *taken);
        let piece = &mut input[used..used + here];
        unmask(piece, header.mask, *taken);
        *taken += here;
        used += here;
        let is_complete = *taken == header.length;
        let flow = match header.carries {
            Carries::Control(_) => {
                control.extend_from_slice(piece);
                if !is_complete {
                    return Ok((used, State::Between));
                }
                let payload = mem::take(control);
                let carries = header.carries;
                self.frame = Frame::NONE;
                deliver(carries, &payload, sink)?
            }
            Carries::Start(_) | Carries::More => {
                let is_last = header.is_last;
                let message = self.message.as_mut().expect("a data frame's header opened a message");
                message.append(piece)?;
                if !is_complete {
                    return Ok((used, State::Between));
                }
                self.frame = Frame::NONE;
                if !is_last {
                    return Ok((used, State::Between));
                }
                let message = self.message.take().expect("it was there a line ago");
                message.deliver(sink)?
            }
        };
        Ok((used, after(flow)))
    }
}

impl Message {
    fn append(&mut self, piece: &[u8]) -> Result<(), Violation> {
        self.bytes.extend_from_slice(piece);
        if self.kind == DataKind::Text {
            self.checked = utf8::check_open(&self.bytes, self.checked)?;
        }
        Ok(())
    }

    fn deliver(self, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Violation> {
        match self.kind {
            DataKind::Text => {
                utf8::check_whole(&self.bytes, self.checked)?;
                Ok(sink(Received::Text(&self.bytes)))
            }
            DataKind::Binary => Ok(sink(Received::Binary(&self.bytes))),
        }
    }
}

/// Hands on the payload of a frame that is a whole message.
fn deliver(carries: Carries, payload: &[u8], sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Violation> {
    match carries {
        Carries::Control(Control::Ping) => Ok(sink(Received::Ping(payload))),
        Carries::Control(Control::Pong) => Ok(sink(Received::Pong(payload))),
        Carries::Control(Control::Close) => {
            let _ = sink(close_frame(payload)?);
            // "any data received after it is discarded" is what section 1.4 asks of a closed link.
            Ok(ControlFlow::Break(()))
        }
        Carries::Start(DataKind::Text) => {
            utf8::check_whole(payload, 0)?;
            Ok(sink(Received::Text(payload)))
        }
        Carries::Start(DataKind::Binary) => Ok(sink(Received::Binary(payload))),
        Carries::More => unreachable!("a continuation is refused where no message is open"),
    }
}

fn after(flow: ControlFlow<()>) -> State {
    match flow {
        ControlFlow::Continue(()) => State::Between,
        ControlFlow::Break(()) => State::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_decoder_is_small_and_frees_what_it_held() {
        assert!(size_of::<Decoder>() <= 40, "{}", size_of::<Decoder>());
        let mut decoder = Decoder::new(100);
        let mut halves = *b"\x81\x85\x00\x00\x00\x00hello";
        let (first, second) = halves.split_at_mut(8);
        decoder.feed(first, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(matches!(decoder.state, State::Inside(_)));
        decoder.feed(second, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(matches!(decoder.state, State::Between));
    }

    #[test]
    fn announced_bytes_that_have_not_come_take_no_memory() {
        let mut decoder = Decoder::new(1 << 30);
        let mut header = *b"\x82\xFF\x00\x00\x00\x00\x3F\x00\x00\x00\x00\x00\x00\x00abc";
        decoder.feed(&mut header, &mut |_| ControlFlow::Continue(())).unwrap();
        let State::Inside(unfinished) = &decoder.state else { panic!("inside a frame") };
        assert!(unfinished.message.as_ref().unwrap().bytes.capacity() < 64);
    }
}
