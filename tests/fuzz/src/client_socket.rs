//! What the client makes of a server's frames: what RFC 6455 says, however the bytes were cut on their way.

use bowline::{CloseCode, Received, upgrade};

use crate::choices::Choices;
use crate::rfc6455::{End, From, Heard, read};
use crate::wire::{MESSAGE_LIMIT, NO_CODE, Wire, at_once, dial_request, hear};

const GOOD_ANSWER: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: {accept}\r\n\r\n";

/// A byte that says where to cut, then a server's frames.
pub fn client_socket(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let piece = usize::from(choices.byte()) + 1;
    let frames = choices.rest();
    let whole = listen(frames, usize::MAX);
    assert_eq!(listen(frames, piece), whole, "in pieces of {piece}");
    assert_eq!(listen(frames, 1), whole, "byte by byte");
    let (heard, end) = read(frames, From::Server, MESSAGE_LIMIT);
    let mut expected: Vec<Option<Received>> =
        heard.into_iter().map(|message| Some(meaning(message))).collect();
    // What a broken rule is called is the socket's affair; that it ends the link is not.
    let (last, before) = whole.split_last().expect("a socket ends");
    match end {
        End::Open => expected.push(None),
        End::Closed => {}
        End::Broken | End::NotUtf8 | End::TooBig => {
            let is_end = match last {
                None => true,
                Some(Received::Closed(code)) => *code == CloseCode::PROTOCOL_ERROR,
                Some(_) => false,
            };
            let is_told = |item: &Option<Received>| matches!(item, Some(Received::Bad(_)));
            let before: Vec<_> = before.iter().skip(expected.len()).collect();
            assert!(is_end && before.len() <= 1 && before.into_iter().all(is_told), "{whole:?} {end:?}");
            assert_eq!(whole[..expected.len()], expected, "{end:?}");
            return;
        }
    }
    assert_eq!(whole, expected, "{end:?}");
}

fn listen(frames: &[u8], piece: usize) -> Vec<Option<Received>> {
    let wire = Wire::new([GOOD_ANSWER, frames].concat(), piece);
    let socket = at_once(upgrade(dial_request(), wire)).expect("a good answer");
    hear(socket, frames.len() / 2 + 2)
}

/// How the driver is told of it.
fn meaning(message: Heard) -> Received {
    match message {
        Heard::Text(text) => Received::Text(text.into()),
        Heard::Binary(_) => Received::Bad("a binary message".to_owned()),
        Heard::Ping(_) | Heard::Pong(_) => Received::Alive,
        Heard::Close(code, _) => Received::Closed(code.map_or(NO_CODE, CloseCode)),
    }
}
