//! Whether the text of a message is UTF-8, told as early as possible.

use crate::ws::violation::Violation;

/// Checks `text` from `checked` on and returns up to where it is complete characters. The end may stand inside a character
/// that later bytes complete.
pub(crate) fn check_open(text: &[u8], checked: usize) -> Result<usize, Violation> {
    match core::str::from_utf8(&text[checked..]) {
        Ok(_) => Ok(text.len()),
        Err(error) if error.error_len().is_none() => Ok(checked + error.valid_up_to()),
        // "MUST _Fail the WebSocket Connection_" (RFC 6455, section 8.1), and nothing forbids to do so at the first bad byte.
        Err(_) => Err(Violation::NotUtf8),
    }
}

/// Checks the last piece of a text: it must end with a complete character.
pub(crate) fn check_whole(text: &[u8], checked: usize) -> Result<(), Violation> {
    core::str::from_utf8(&text[checked..]).map(|_| ()).map_err(|_| Violation::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_may_be_cut_but_not_wrong() {
        for (text, checked, expected) in [
            (&b"abc"[..], 0, Ok(3)),
            ("aé".as_bytes(), 0, Ok(3)),
            (&"aé".as_bytes()[..2], 0, Ok(1)),
            (&"€".as_bytes()[..2], 0, Ok(0)),
            (&"😀".as_bytes()[..3], 0, Ok(0)),
            ("😀".as_bytes(), 0, Ok(4)),
            (b"\xC0", 0, Err(Violation::NotUtf8)),
            (b"a\xED\xA0", 0, Err(Violation::NotUtf8)),
            (b"\xF4\x90", 0, Err(Violation::NotUtf8)),
            (b"\xF5", 0, Err(Violation::NotUtf8)),
            (b"\x80", 0, Err(Violation::NotUtf8)),
            (b"\xE2x", 0, Err(Violation::NotUtf8)),
        ] {
            assert_eq!(check_open(text, checked), expected, "{text:x?}");
        }
        assert_eq!(check_whole("aé".as_bytes(), 1), Ok(()));
        assert_eq!(check_whole(b"a\xC3", 1), Err(Violation::NotUtf8));
    }
}
