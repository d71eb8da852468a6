//! What the client makes of a server's answer to its upgrade: a socket exactly when the answer is one of RFC 6455.

use bowline::{DialFailure, upgrade};

use crate::choices::Choices;
use crate::wire::{Wire, at_once, dial_request, hear};

/// A byte that says where to cut, then a server's answer; `{accept}` in it becomes the proof.
pub fn client_handshake(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let piece = usize::from(choices.byte()) + 1;
    let answer = choices.rest();
    let whole = ask(answer, usize::MAX);
    let in_pieces = ask(answer, piece);
    assert_eq!(in_pieces, whole, "in pieces of {piece}");
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut head = httparse::Response::new(&mut headers);
    let is_complete = head.parse(answer).is_ok_and(|status| status.is_complete());
    match &whole {
        Ok(_) => {
            assert!(is_complete && head.code == Some(101), "{head:?}");
            let has = |name: &str, token: &str| {
                let of_name = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
                of_name
                    .flat_map(|header| header.value.split(|byte| b", ".contains(byte)))
                    .any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
            };
            assert!(has("upgrade", "websocket") && has("connection", "upgrade"), "{head:?}");
            assert!(has("sec-websocket-accept", "{accept}"), "{head:?}");
        }
        Err(failure) if is_complete && head.code.is_some_and(|code| code != 101) => {
            let expected = match head.code {
                Some(401) => Retry::WithAnotherCredential,
                Some(408 | 425 | 429 | 500..=599) => Retry::Later,
                _ => Retry::Never,
            };
            // An answer that is no HTTP by the measure of the client's crate is a proxy's bad moment.
            let is_unread = matches!(failure, DialFailure::Temporary { retry_after: None, message } if message.contains("no WebSocket"));
            assert!(is_unread || retry(failure) == expected, "{failure:?} {head:?}");
        }
        Err(failure) => assert_eq!(retry(failure), Retry::Later, "{failure:?}"),
    }
}

#[derive(Debug, PartialEq)]
enum Retry {
    WithAnotherCredential,
    Later,
    Never,
}

fn retry(failure: &DialFailure) -> Retry {
    match failure {
        DialFailure::Unauthorized => Retry::WithAnotherCredential,
        DialFailure::Temporary { .. } => Retry::Later,
        DialFailure::Refused { .. } => Retry::Never,
    }
}

/// How many things a socket said, or why there is none.
fn ask(answer: &[u8], piece: usize) -> Result<usize, DialFailure> {
    let socket = at_once(upgrade(dial_request(), Wire::new(answer.to_vec(), piece)))?;
    Ok(hear(socket, answer.len() / 2 + 2).len())
}
