//! What JSON text says, by serde_json and by a scan as plain as can be: the oracle of our own readers.

use core::fmt;

use bowline_proto::{DecodeError, Limits, Seq};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order, names as bytes, since a name may be no Unicode.
pub(crate) struct Members<'a>(Vec<(Name, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads a message as the long way does: the limits first, then serde_json.
    pub(crate) fn read(message: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        checked(message, limits)?;
        match serde_json::from_slice::<IgnoredAny>(message) {
            Err(_) => Err(DecodeError::NotJson),
            Ok(_) => serde_json::from_slice(message).map_err(|_| DecodeError::NotAnObject),
        }
    }

    /// The exact text of the last member of that name.
    pub(crate) fn exact(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| known.0 == name.as_bytes())?;
        Some(value.get())
    }

    /// How many members have that name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(known, _)| known.0 == name.as_bytes()).count()
    }

    /// [`Members::exact`], where `null` counts as absent.
    pub(crate) fn given(&self, name: &str) -> Option<&'a str> {
        self.exact(name).filter(|value| *value != "null")
    }
}

/// Length, UTF-8, then depth and control characters in texts, whichever stands first.
pub(crate) fn checked(message: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    if message.len() > limits.message_bytes {
        return Err(DecodeError::TooLong { bytes: message.len(), limit: limits.message_bytes });
    }
    let text = core::str::from_utf8(message).map_err(|_| DecodeError::NotUtf8)?;
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for c in text.chars() {
        match (is_text, c) {
            (true, _) if is_escaped => is_escaped = false,
            (true, '\\') => is_escaped = true,
            (true, '"') => is_text = false,
            (true, '\0'..'\u{20}') => return Err(DecodeError::NotJson),
            (false, '"') => is_text = true,
            (false, '{' | '[') => depth += 1,
            (false, '}' | ']') => depth = depth.saturating_sub(1),
            (true | false, _) => {}
        }
        if depth > limits.depth {
            return Err(DecodeError::TooDeep { limit: limits.depth });
        }
    }
    Ok(())
}

/// The text that a value is; an error where it is something else.
pub(crate) fn text(value: Option<&str>) -> Result<Option<String>, ()> {
    value.map(|raw| serde_json::from_str(raw).map_err(|_| ())).transpose()
}

/// The position that a value is: by its digits where it is nothing else, else by its value.
pub(crate) fn seq(value: Option<&str>) -> Result<Option<Seq>, ()> {
    let Some(raw) = value else { return Ok(None) };
    if raw.bytes().all(|byte| byte.is_ascii_digit()) {
        return raw.parse().ok().and_then(Seq::new).map(Some).ok_or(());
    }
    let number: f64 = if raw.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        raw.parse().map_err(|_| ())?
    } else {
        return Err(());
    };
    let is_position = number >= 0.0 && number.fract() == 0.0 && number <= Seq::MAX.get() as f64;
    if is_position { Ok(Seq::new(number as u64)) } else { Err(()) }
}

/// The same object with one more member, whose name holds an escape: no short way takes it. `None` where `message` does
/// not even begin as an object.
pub(crate) fn the_long_way(message: &[u8]) -> Option<Vec<u8>> {
    const MEMBER: &[u8] = br#""\u007a":0"#;
    let at = message.iter().position(|byte| !byte.is_ascii_whitespace()).filter(|&at| message[at] == b'{')?;
    let (head, tail) = message.split_at(at + 1);
    let is_empty = tail.trim_ascii_start().first() == Some(&b'}');
    Some([head, MEMBER, if is_empty { b"" } else { b"," }, tail].concat())
}

struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(name: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_bytes<E>(self, name: &[u8]) -> Result<Name, E> {
                Ok(Name(name.to_vec()))
            }
        }
        name.deserialize_bytes(Bytes)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        object.deserialize_map(All)
    }
}
