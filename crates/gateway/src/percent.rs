//! Percent-encoding of paths and queries (RFC 3986, section 2.1): decoded once, and only when what comes out is UTF-8.

/// Decodes `text`; `None` when a `%` is not followed by two hex digits, or when the result is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                out.push(hex(*high)? << 4 | hex(*low)?);
                rest = tail;
            }
            (b'%', _) => return None,
            (byte, tail) => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// Encodes everything but unreserved characters.
pub(crate) fn encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 0x0F] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_happens_once_and_only_to_utf8() {
        for (text, expected) in [
            ("", Some("")),
            ("plain+plus", Some("plain+plus")),
            ("a%20b%2Fc", Some("a b/c")),
            ("%25%32%30", Some("%20")),
            ("%e2%82%AC", Some("€")),
            ("%", None),
            ("%2", None),
            ("%zz", None),
            ("%+1", None),
            ("%FF", None),
        ] {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let text = "a b/c%€~\u{0}";
        let mut encoded = String::new();
        encode_into(&mut encoded, text);
        assert_eq!(encoded, "a%20b%2Fc%25%E2%82%AC~%00");
        assert_eq!(decode(&encoded).as_deref(), Some(text));
    }
}
