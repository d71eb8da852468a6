//! One pass over a frame that is as frames usually are: grammar, depth and the members' places at once.
//!
//! Takes less than JSON allows and never more: what it takes, [`check_json`](crate::check_json) and the parser take
//! too, with the same members. Whatever it does not take (an escape in a member's name, nesting beyond [`MOST_DEPTH`], no
//! JSON at all) is read again the long way, which also knows how to say what is wrong.

/// Deepest nesting: a bit each.
const MOST_DEPTH: usize = 64;

/// The values of the object `text` by the place of their names in `names`, each as its exact text: the last of a name
/// counts. All of `text` is checked. `None`: not taken, for whatever reason.
pub(crate) fn scan<'a, const N: usize>(
    text: &'a str,
    names: &[&'static str; N],
    depth: usize,
) -> Option<[Option<&'a str>; N]> {
    let depth = depth.min(MOST_DEPTH);
    let mut found = [None; N];
    let bytes = text.as_bytes();
    let mut at = behind_space(bytes, 0);
    if depth == 0 || *bytes.get(at)? != b'{' {
        return None;
    }
    at = behind_space(bytes, at + 1);
    if *bytes.get(at)? == b'}' {
        at += 1;
    } else {
        loop {
            let name = at + 1..name_end(bytes, at)?;
            at = behind_space(bytes, name.end + 1);
            if *bytes.get(at)? != b':' {
                return None;
            }
            let start = behind_space(bytes, at + 1);
            let end = behind_value(bytes, start, depth - 1)?;
            let name = &bytes[name];
            if let Some(place) = names.iter().position(|known| known.as_bytes() == name) {
                found[place] = Some(text.get(start..end)?);
            }
            at = behind_space(bytes, end);
            match bytes.get(at)? {
                b',' => at = behind_space(bytes, at + 1),
                b'}' => break,
                _ => return None,
            }
        }
        at += 1;
    }
    (behind_space(bytes, at) == bytes.len()).then_some(found)
}

#[inline]
fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Where the closing quote of the name at `at` stands.
#[inline]
fn name_end(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let mut end = at + 1;
    loop {
        match bytes.get(end)? {
            b'"' => return Some(end),
            0..=0x1f | b'\\' => return None,
            _ => end += 1,
        }
    }
}

/// What follows the value at `at`, in which at most `depth` brackets may be open at a time.
fn behind_value(bytes: &[u8], mut at: usize, depth: usize) -> Option<usize> {
    // One bit for each open bracket, the innermost lowest: set for an object.
    let mut objects = 0u64;
    let mut open = 0usize;
    'value: loop {
        match *bytes.get(at)? {
            b'"' => at = behind_text(bytes, at + 1)?,
            bracket @ (b'{' | b'[') => {
                if open == depth {
                    return None;
                }
                open += 1;
                let is_object = bracket == b'{';
                objects = objects << 1 | u64::from(is_object);
                at = behind_space(bytes, at + 1);
                // `]` and `}` stand two behind their opening brackets.
                if *bytes.get(at)? != bracket + 2 {
                    if is_object {
                        at = behind_name(bytes, at)?;
                    }
                    continue 'value;
                }
                open -= 1;
                objects >>= 1;
                at += 1;
            }
            b't' => at = behind_word(bytes, at, b"true")?,
            b'f' => at = behind_word(bytes, at, b"false")?,
            b'n' => at = behind_word(bytes, at, b"null")?,
            b'-' | b'0'..=b'9' => at = behind_number(bytes, at)?,
            _ => return None,
        }
        // A value has ended: so may what holds it.
        while open > 0 {
            at = behind_space(bytes, at);
            let is_object = objects & 1 == 1;
            match *bytes.get(at)? {
                b',' => {
                    at = behind_space(bytes, at + 1);
                    if is_object {
                        at = behind_name(bytes, at)?;
                    }
                    continue 'value;
                }
                b'}' if is_object => {}
                b']' if !is_object => {}
                _ => return None,
            }
            open -= 1;
            objects >>= 1;
            at += 1;
        }
        return Some(at);
    }
}

/// The place of the value that belongs to the name at `at`.
#[inline]
fn behind_name(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let colon = behind_space(bytes, behind_text(bytes, at + 1)?);
    (*bytes.get(colon)? == b':').then(|| behind_space(bytes, colon + 1))
}

/// What follows the closing quote of the text whose first byte is at `at`.
#[inline]
fn behind_text(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        while let Some((word, _)) = bytes.get(at..)?.split_first_chunk::<8>() {
            match plain_bytes(u64::from_le_bytes(*word)) {
                8 => at += 8,
                plain => {
                    at += plain;
                    break;
                }
            }
        }
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match *bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                _ => return None,
            },
            0..=0x1f => return None,
            _ => at += 1,
        }
    }
}

/// How many of a word's bytes, from the first one, are neither a quote nor a backslash nor a control character. The first
/// that is one is found exactly: only bytes behind it can be taken for one wrongly.
#[inline]
fn plain_bytes(word: u64) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let special = (word.wrapping_sub(ONES * 0x20) & !word)
        | (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes);
    (special & TOPS).trailing_zeros() as usize / 8
}

fn behind_word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(word).then(|| at + word.len())
}

#[inline]
fn behind_number(bytes: &[u8], mut at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at)? {
        b'0' => at + 1,
        _ => behind_digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = behind_digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = behind_digits(bytes, at)?;
    }
    Some(at)
}

/// At least one.
#[inline]
fn behind_digits(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    (at > start).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    #[test]
    fn members_are_found_as_they_are_written() {
        let found =
            scan(" { \"a\" : [ 1 , {} ] , \"b\":\"x\\\"\\u00e9\",\"a\": -1.5e+3 } ", &["a", "b", "c"], 8);
        assert_eq!(found, Some([Some("-1.5e+3"), Some("\"x\\\"\\u00e9\""), None]));
        assert_eq!(scan("{}", &["a"], 1), Some([None]));
    }

    #[test]
    fn depth_is_counted_with_the_object_itself() {
        for (text, deepest) in [("{}", 1), (r#"{"a":[]}"#, 2), (r#"{"a":[{"b":[]},[[]]]}"#, 4)] {
            assert!(scan(text, &["a"], deepest).is_some(), "{text}");
            assert!(scan(text, &["a"], deepest - 1).is_none(), "{text}");
        }
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(scan(&deep(MOST_DEPTH - 1), &["a"], usize::MAX).is_some());
        assert!(scan(&deep(MOST_DEPTH), &["a"], usize::MAX).is_none());
    }

    #[test]
    fn a_special_byte_is_found_wherever_it_stands_in_a_word() {
        for at in 0..8 {
            for byte in 0..=255u8 {
                for rest in [b'x', 0, b'"', b'!', b'#', b'[', b']', 0xff] {
                    let mut word = [rest; 8];
                    word[..at].fill(b'y');
                    word[at] = byte;
                    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
                    let expected = word.iter().position(is_special).unwrap_or(8);
                    assert_eq!(plain_bytes(u64::from_le_bytes(word)), expected, "{word:?}");
                }
            }
        }
    }

    /// Every change of one byte of a frame with everything in it: what is taken is what the parser takes.
    #[test]
    fn nothing_is_taken_that_the_parser_refuses_or_reads_otherwise() {
        let frame = r#" {"type":"m.n\u00E9\n","seq": 12,"prev":-0.5E-7,"payload":{"a":[true,false,null,{},[]],"b\t":{"c":"\"é"}}, "z":0} "#;
        let names = ["type", "seq", "prev", "payload"];
        let mut taken = 0;
        for at in 0..frame.len() {
            for byte in 0..=255u8 {
                for removed in [0, 1] {
                    let mut bytes = frame.as_bytes().to_vec();
                    bytes.splice(at..at + removed, [byte]);
                    let Ok(text) = String::from_utf8(bytes) else { continue };
                    let Some(found) = scan(&text, &names, 32) else { continue };
                    taken += 1;
                    let parsed: BTreeMap<String, Box<RawValue>> =
                        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                    for (name, value) in names.iter().zip(found) {
                        assert_eq!(value, parsed.get(*name).map(|raw| raw.get()), "{name} of {text}");
                    }
                }
            }
        }
        assert!(taken > 5_000, "{taken}");
    }
}
