//! What a client said, at the layer of RFC 6455.

use crate::ws::violation::Violation;

/// A complete message or control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A text message: valid UTF-8.
    Text(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping: answer with a pong of the same bytes.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// A close frame. Nothing is decoded after it.
    Close {
        /// The status code, when there is one.
        code: Option<u16>,
        /// The reason, possibly empty.
        reason: &'a str,
    },
}

/// Reads the payload of a close frame.
pub(crate) fn close_frame(payload: &[u8]) -> Result<Received<'_>, Violation> {
    match payload {
        [] => Ok(Received::Close { code: None, reason: "" }),
        // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer" (section 5.5.1).
        [_] => Err(Violation::ClosePayload),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !may_be_sent(code) {
                return Err(Violation::CloseCode(code));
            }
            let reason = core::str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
            Ok(Received::Close { code: Some(code), reason })
        }
    }
}

/// Whether an endpoint may put `code` into a close frame (section 7.4, and the registry for 1012 to 1014).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_are_taken() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 3000, 3999, 4000, 4001, 4999]
        {
            assert!(may_be_sent(code), "{code}");
        }
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!may_be_sent(code), "{code}");
        }
    }

    #[test]
    fn a_close_payload_is_nothing_or_a_code_and_a_reason() {
        for (payload, expected) in [
            (&b""[..], Ok(Received::Close { code: None, reason: "" })),
            (b"\x03\xE8", Ok(Received::Close { code: Some(1000), reason: "" })),
            (b"\x03\xE8bye", Ok(Received::Close { code: Some(1000), reason: "bye" })),
            (b"\x03", Err(Violation::ClosePayload)),
            (b"\x03\xED", Err(Violation::CloseCode(1005))),
            (b"\x03\xE8\xFF", Err(Violation::NotUtf8)),
        ] {
            assert_eq!(close_frame(payload), expected, "{payload:x?}");
        }
    }
}
