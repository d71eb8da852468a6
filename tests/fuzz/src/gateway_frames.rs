//! What the gateway makes of a client's bytes: what RFC 6455 says, however the bytes were cut on their way.

use core::ops::ControlFlow;

use bowline_gateway::ws::{Decoder, Received, Violation, push_close, push_ping, push_pong, push_text};
use bowline_proto::CloseCode;

use crate::choices::Choices;
use crate::rfc6455::{End, From, Heard, read};

/// Small enough that a fuzzer gets beyond it; above what needs the long form of a length.
const LIMIT: usize = 300;

/// A byte that says where to cut, then a client's bytes.
pub fn gateway_frames(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let piece = usize::from(choices.byte()) + 1;
    let stream = choices.rest();
    let whole = decode([stream]);
    assert_eq!(decode(stream.chunks(piece)), whole, "in pieces of {piece}");
    assert_eq!(decode(stream.chunks(1)), whole, "byte by byte");
    let (heard, end) = read(stream, From::Client, LIMIT);
    assert_eq!(whole.0, heard);
    let expected = match end {
        End::Open | End::Closed => None,
        End::Broken => Some(CloseCode::PROTOCOL_ERROR),
        End::NotUtf8 => Some(CloseCode::INVALID_TEXT),
        End::TooBig => Some(CloseCode::TOO_BIG),
    };
    assert_eq!(whole.1.err().map(Violation::close_code), expected, "{whole:?}");
    answers(&heard);
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Heard>, Result<(), Violation>) {
    let mut decoder = Decoder::new(LIMIT);
    let mut heard = Vec::new();
    for piece in pieces {
        let outcome = decoder.feed(&mut piece.to_vec(), &mut |received| {
            heard.push(match received {
                Received::Text(bytes) => Heard::Text(bytes.to_vec()),
                Received::Binary(bytes) => Heard::Binary(bytes.to_vec()),
                Received::Ping(bytes) => Heard::Ping(bytes.to_vec()),
                Received::Pong(bytes) => Heard::Pong(bytes.to_vec()),
                Received::Close { code, reason } => Heard::Close(code, reason.to_owned()),
            });
            ControlFlow::Continue(())
        });
        if outcome.is_err() {
            let again = decoder.feed(&mut [0x81], &mut |_| panic!("nothing is decoded after a violation"));
            assert_eq!(again, outcome);
            return (heard, outcome);
        }
    }
    (heard, Ok(()))
}

/// What the gateway says back is read as it was meant.
fn answers(heard: &[Heard]) {
    let (mut out, mut meant) = (Vec::new(), Vec::new());
    for message in heard {
        match message {
            Heard::Text(text) => push_text(&mut out, text),
            Heard::Ping(payload) => push_ping(&mut out, payload),
            Heard::Pong(payload) => push_pong(&mut out, payload),
            Heard::Binary(_) | Heard::Close(..) => continue,
        }
        meant.push(message.clone());
    }
    let code = heard.iter().find_map(|message| match message {
        Heard::Close(code, _) => *code,
        _ => None,
    });
    let code = CloseCode(code.unwrap_or(CloseCode::NORMAL.0));
    push_close(&mut out, code);
    meant.push(Heard::Close(Some(code.0), code.name().to_owned()));
    assert_eq!(read(&out, From::Server, LIMIT), (meant, End::Closed));
}
