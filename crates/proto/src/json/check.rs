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
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limits.depth {
                    return Err(DecodeError::TooDeep { limit: limits.depth });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_text(&mut bytes)?,
            _ => {}
        }
    }
    Ok(text)
}

/// Goes on behind the closing quote. A text without one ends with the message: the parser will refuse it.
fn skip_text(bytes: &mut core::str::Bytes<'_>) -> Result<(), DecodeError> {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => {
                bytes.next();
            }
            0..=0x1f => return Err(DecodeError::NotJson),
            _ => {}
        }
    }
    Ok(())
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
}
