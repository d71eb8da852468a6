//! What is checked of a peer's bytes before anything is allocated for them: length, UTF-8, depth.

use crate::json::error::DecodeError;
use crate::limits::Limits;

/// Checks length, UTF-8, nesting depth and that no text holds a bare control character: linear, without allocation.
/// The grammar is left to the parser that follows, which meets nothing here that could cost it more than its length.
///
/// # Errors
/// [`DecodeError::TooLong`], [`DecodeError::NotUtf8`], [`DecodeError::TooDeep`], or [`DecodeError::NotJson`] for a
/// control character inside a text; in this order, the last two whichever stands first.
pub fn check_json(text: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    checked_text(text, limits).map(|_| ())
}

/// [`check_json`], and the text as the parser wants it.
pub(crate) fn checked_text<'a>(text: &'a [u8], limits: &Limits) -> Result<&'a str, DecodeError> {
    if text.len() > limits.message_bytes {
        return Err(DecodeError::TooLong { bytes: text.len(), limit: limits.message_bytes });
    }
    let text = core::str::from_utf8(text).map_err(|_| DecodeError::NotUtf8)?;
    let mut depth = 0usize;
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limits.depth {
                    return Err(DecodeError::TooDeep { limit: limits.depth });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => rest = behind_text(rest)?,
            _ => {}
        }
    }
    Ok(text)
}

/// What follows the closing quote. A text without one ends with the message: the parser will refuse it.
fn behind_text(mut rest: &[u8]) -> Result<&[u8], DecodeError> {
    loop {
        while let Some((word, behind)) = rest.split_first_chunk::<8>()
            && is_plain(u64::from_le_bytes(*word))
        {
            rest = behind;
        }
        match rest {
            [] | [b'\\'] => return Ok(&[]),
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', _, behind @ ..] => rest = behind,
            [0..=0x1f, ..] => return Err(DecodeError::NotJson),
            [_, behind @ ..] => rest = behind,
        }
    }
}

/// None of eight bytes is a quote, a backslash or a control character. Texts are most of most messages, so this is where
/// the time goes. May say no for eight plain bytes, never yes for others.
fn is_plain(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    /// The top bit of each byte of `word` that is less than `bound` (or follows on one that is).
    const fn below(word: u64, bound: u8) -> u64 {
        word.wrapping_sub(ONES * bound as u64) & !word & TOPS
    }
    let quotes = below(word ^ (ONES * b'"' as u64), 1);
    let backslashes = below(word ^ (ONES * b'\\' as u64), 1);
    (below(word, 0x20) | quotes | backslashes) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_open_brackets_outside_of_texts() {
        let limits = Limits { depth: 2, ..Limits::default() };
        for (text, expected) in [
            ("[[]]", Ok(())),
            ("[[],[],{}]", Ok(())),
            ("[[[", Err(DecodeError::TooDeep { limit: 2 })),
            (r#"["[[[[{{{{"]"#, Ok(())),
            (r#"["\"[[[["]"#, Ok(())),
            (r#"["\\",[[1]]]"#, Err(DecodeError::TooDeep { limit: 2 })),
            ("]]]][[", Ok(())),
            ("\"a\u{1}b\"", Err(DecodeError::NotJson)),
            ("", Ok(())),
            ("\"\\", Ok(())),
        ] {
            assert_eq!(check_json(text.as_bytes(), &limits), expected, "{text}");
        }
    }

    #[test]
    fn length_is_checked_before_anything_is_read() {
        let limits = Limits { message_bytes: 3, ..Limits::default() };
        assert_eq!(check_json(b"\xff\xff\xff", &limits), Err(DecodeError::NotUtf8));
        assert_eq!(
            check_json(b"\xff\xff\xff\xff", &limits),
            Err(DecodeError::TooLong { bytes: 4, limit: 3 })
        );
    }

    #[test]
    fn eight_bytes_are_plain_only_if_each_is() {
        for at in 0..8 {
            for byte in 0..=255u8 {
                let mut word = *b"abcdefgh";
                word[at] = byte;
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(is_plain(u64::from_le_bytes(word)), !special, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn a_text_ends_at_its_quote_wherever_that_stands() {
        let limits = Limits { depth: 1, ..Limits::default() };
        for length in 0..40 {
            let text = "x".repeat(length);
            for (inside, expected) in
                [("", Ok(())), ("\\\"", Ok(())), ("\\\\", Ok(())), ("\n", Err(DecodeError::NotJson))]
            {
                let message = format!("[\"{text}{inside}{text}[\"]");
                assert_eq!(check_json(message.as_bytes(), &limits), expected, "{message}");
            }
            let message = format!("[\"{text}\",[]]");
            assert_eq!(
                check_json(message.as_bytes(), &limits),
                Err(DecodeError::TooDeep { limit: 1 }),
                "{message}"
            );
        }
    }
}
