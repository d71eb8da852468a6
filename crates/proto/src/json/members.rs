//! How the members of a frame are read: by name, each as a slice of the text, the last of a name counts.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::check::checked_text;
use crate::json::error::DecodeError;
use crate::json::scan::scan;
use crate::limits::Limits;
use crate::position::{Epoch, Seq};
use crate::topic::Topic;

/// A member of an object, present or not. `null` reads as absent.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    name: &'static str,
    /// The value's exact text; `None`: absent.
    raw: Option<&'a str>,
}

/// The named members of the object `text`, in the order of `names`; all others are ignored.
pub(crate) fn members<'a, const N: usize>(
    text: &'a str,
    names: [&'static str; N],
) -> Result<[Member<'a>; N], DecodeError> {
    if !text.trim_ascii_start().starts_with('{') {
        let json = serde_json::from_str::<IgnoredAny>(text);
        return Err(if json.is_ok() { DecodeError::NotAnObject } else { DecodeError::NotJson });
    }
    let mut found = names.map(|name| Member { name, raw: None });
    let mut parser = serde_json::Deserializer::from_str(text);
    parser.deserialize_map(Fill(&mut found)).and_then(|()| parser.end()).map_err(|_| DecodeError::NotJson)?;
    Ok(found)
}

/// [`checked_text`] and [`members`] of a message, in one pass where it is as messages usually are.
pub(crate) fn checked_members<'a, const N: usize>(
    text: &'a [u8],
    limits: &Limits,
    names: [&'static str; N],
) -> Result<(&'a str, [Member<'a>; N]), DecodeError> {
    if text.len() <= limits.message_bytes
        && let Ok(text) = core::str::from_utf8(text)
        && let Some(found) = scan(text, &names, limits.depth)
    {
        let mut members = names.map(|name| Member { name, raw: None });
        for (member, raw) in members.iter_mut().zip(found) {
            member.raw = raw;
        }
        return Ok((text, members));
    }
    let text = checked_text(text, limits)?;
    Ok((text, members(text, names)?))
}

impl<'a> Member<'a> {
    /// The value's exact text, also of a `null`.
    pub(crate) fn raw(self) -> Option<&'a str> {
        self.raw
    }

    /// Present and not null.
    pub(crate) fn is_given(self) -> bool {
        self.given().is_some()
    }

    fn given(self) -> Option<&'a str> {
        self.raw.filter(|raw| *raw != "null")
    }

    /// Absent becomes an error.
    pub(crate) fn required<T>(self, value: Option<T>) -> Result<T, DecodeError> {
        value.ok_or(self.missing())
    }

    pub(crate) fn missing(self) -> DecodeError {
        DecodeError::Missing { member: self.name }
    }

    pub(crate) fn wrong_type(self) -> DecodeError {
        DecodeError::WrongType { member: self.name }
    }

    /// A text. One that is no Unicode (a lone surrogate escape) is of the wrong type.
    pub(crate) fn text(self) -> Result<Option<Cow<'a, str>>, DecodeError> {
        self.given().map(|raw| text_of(raw).ok_or(self.wrong_type())).transpose()
    }

    /// A text that steers nothing: of any other type it reads as absent.
    pub(crate) fn text_if_any(self) -> Option<Cow<'a, str>> {
        self.given().and_then(text_of)
    }

    /// A position: the number's value counts, not its spelling (`1e3` is 1000).
    pub(crate) fn seq(self) -> Result<Option<Seq>, DecodeError> {
        if let Some(raw) = self.raw
            && let Some(seq) = digits_of(raw)
        {
            return Ok(Seq::new(seq));
        }
        let Some(value) = self.number()? else { return Ok(None) };
        let is_whole = value >= 0.0 && value.trunc() == value;
        // Exact below 2^53; `as` saturates above, where no position is.
        let seq = is_whole.then(|| Seq::new(value as u64)).flatten();
        seq.map(Some).ok_or(DecodeError::OutOfRange { member: self.name })
    }

    /// Milliseconds, saturating at both ends (0 and 2^53 - 1), fractions cut off.
    pub(crate) fn millis(self) -> Result<Option<Duration>, DecodeError> {
        let Some(value) = self.number()? else { return Ok(None) };
        // `as` saturates: below zero becomes 0, infinity the largest.
        Ok(Some(Duration::from_millis((value as u64).min(Seq::MAX.get()))))
    }

    fn number(self) -> Result<Option<f64>, DecodeError> {
        let Some(raw) = self.given() else { return Ok(None) };
        if !raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Err(self.wrong_type());
        }
        raw.parse().map(Some).map_err(|_| self.wrong_type())
    }

    /// A claim; absent is false.
    pub(crate) fn flag(self) -> Result<bool, DecodeError> {
        match self.given() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(self.wrong_type()),
        }
    }

    pub(crate) fn epoch(self) -> Result<Option<Epoch>, DecodeError> {
        let Some(text) = self.text()? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong_type())
    }

    pub(crate) fn topic(self) -> Result<Option<Topic>, DecodeError> {
        let Some(text) = self.text()? else { return Ok(None) };
        Topic::new(&text).map(Some).map_err(|_| self.wrong_type())
    }

    /// Hands each item of a list to `take`, in order, until it refuses one. Absent is an empty list.
    pub(crate) fn each(
        self,
        mut take: impl FnMut(Member<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let Some(raw) = self.given() else { return Ok(()) };
        let mut refusal = None;
        let mut items = |raw: &'a str| match take(Member { name: self.name, raw: Some(raw) }) {
            Ok(()) => true,
            Err(error) => {
                refusal = Some(error);
                false
            }
        };
        let outcome = serde_json::Deserializer::from_str(raw).deserialize_seq(Items(&mut items));
        match (refusal, outcome) {
            (Some(error), _) => Err(error),
            (None, Err(_)) => Err(self.wrong_type()),
            (None, Ok(())) => Ok(()),
        }
    }

    /// The named members of an object.
    pub(crate) fn members<const N: usize>(
        self,
        names: [&'static str; N],
    ) -> Result<[Member<'a>; N], DecodeError> {
        members(self.raw.unwrap_or_default(), names).map_err(|_| self.wrong_type())
    }
}

/// The value of a number that is nothing but digits, few enough that it is below 2^53.
fn digits_of(raw: &str) -> Option<u64> {
    let is_short = !raw.is_empty() && raw.len() <= 15 && raw.bytes().all(|byte| byte.is_ascii_digit());
    is_short.then(|| raw.bytes().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

fn text_of(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// Puts the values of an object where their names are looked for.
struct Fill<'m, 'a, const N: usize>(&'m mut [Member<'a>; N]);

impl<'a, const N: usize> Visitor<'a> for Fill<'_, 'a, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Place(self.0))? {
            let value: &'a RawValue = map.next_value()?;
            if let Some(member) = place.and_then(|place| self.0.get_mut(place)) {
                member.raw = Some(value.get());
            }
        }
        Ok(())
    }
}

/// Which of the members a key names. Read as bytes, since a key may hold a lone surrogate and is then none of ours.
struct Place<'m, 'a>(&'m [Member<'a>]);

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Place<'_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|member| member.name.as_bytes() == key))
    }
}

/// Hands the items of a list on as slices until one is refused.
struct Items<'m, 'a>(&'m mut dyn FnMut(&'a str) -> bool);

impl<'a> Visitor<'a> for Items<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element::<&'a RawValue>()? {
            if !(self.0)(item.get()) {
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}
