//! How a count is read: by its value, as positions are. `5.0` is 5, since many a publisher's language has one kind of number.

use core::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// A whole number from 0 up, however it is spelled.
pub(crate) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(Whole)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 up")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<u64, E> {
        // Up to 2^53 every whole f64 is exactly one number.
        let is_whole = value >= 0.0 && value.trunc() == value && value <= (1u64 << 53) as f64;
        if is_whole { Ok(value as u64) } else { Err(E::invalid_value(Unexpected::Float(value), &self)) }
    }
}
