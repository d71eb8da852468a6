//! How the host passes what is more than a number: a row of values, each with its kind in front.
//!
//! | tag | value                                                          |
//! |-----|----------------------------------------------------------------|
//! | 0   | nothing: not given                                             |
//! | 1   | a number: 8 bytes, IEEE 754, little-endian                     |
//! | 2   | a text: its length in 4 bytes, little-endian, then UTF-8       |
//! | 3   | a list: the number of values in 4 bytes, then the values       |
//!
//! Whatever the bytes are, reading ends: a value of another kind reads as nothing, and so does everything behind the first
//! thing that is no value.

use core::time::Duration;

use bowline_proto::{Epoch, Seq, Topic};

/// A row of values, read from the front.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    rest: &'a [u8],
}

enum Value<'a> {
    Nothing,
    Number(f64),
    Text(&'a str),
    List(u32),
}

impl<'a> Values<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Values { rest: bytes }
    }

    pub(crate) fn number(&mut self) -> Option<f64> {
        match self.next() {
            Value::Number(number) => Some(number),
            Value::Nothing | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// A whole number; fractions are cut off, and what is out of range is the nearest that is in it.
    pub(crate) fn whole(&mut self) -> Option<u64> {
        self.number().map(|number| number as u64)
    }

    /// Any number but zero.
    pub(crate) fn flag(&mut self) -> bool {
        self.number().is_some_and(|number| number != 0.0)
    }

    pub(crate) fn seq(&mut self) -> Option<Seq> {
        self.whole().and_then(Seq::new)
    }

    pub(crate) fn millis(&mut self) -> Option<Duration> {
        self.number().map(|millis| Duration::from_micros(micros(millis)))
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        match self.next() {
            Value::Text(text) => Some(text),
            Value::Nothing | Value::Number(_) | Value::List(_) => None,
        }
    }

    pub(crate) fn string(&mut self) -> String {
        self.text().unwrap_or_default().to_owned()
    }

    pub(crate) fn epoch(&mut self) -> Option<Epoch> {
        self.text()?.parse().ok()
    }

    /// How many values the list has that begins here: no more than bytes are left, whatever it says.
    pub(crate) fn length(&mut self) -> usize {
        match self.next() {
            Value::List(length) => self.rest.len().min(length as usize),
            Value::Nothing | Value::Number(_) | Value::Text(_) => 0,
        }
    }

    pub(crate) fn topic(&mut self) -> Option<Topic> {
        Topic::new(self.text()?).ok()
    }

    /// A list of topics, and whether each of them is one: what is none is left out.
    pub(crate) fn topics(&mut self) -> (Vec<Topic>, bool) {
        let mut topics = Vec::new();
        let length = self.length();
        for _ in 0..length {
            topics.extend(self.topic());
        }
        let are_topics = topics.len() == length;
        (topics, are_topics)
    }

    fn next(&mut self) -> Value<'a> {
        self.try_next().unwrap_or_else(|| {
            self.rest = &[];
            Value::Nothing
        })
    }

    fn try_next(&mut self) -> Option<Value<'a>> {
        let [tag] = self.take::<1>()?;
        Some(match tag {
            0 => Value::Nothing,
            1 => Value::Number(f64::from_le_bytes(self.take()?)),
            2 => {
                let length = u32::from_le_bytes(self.take()?);
                let (text, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
                self.rest = rest;
                Value::Text(core::str::from_utf8(text).ok()?)
            }
            3 => Value::List(u32::from_le_bytes(self.take()?)),
            _ => return None,
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }
}

/// The host counts milliseconds with fractions, the core microseconds. What is no time is the origin.
pub(crate) fn micros(millis: f64) -> u64 {
    (millis * 1000.0) as u64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What the host writes.
    #[derive(Default)]
    pub(crate) struct Row(pub(crate) Vec<u8>);

    impl Row {
        pub(crate) fn nothing(mut self) -> Self {
            self.0.push(0);
            self
        }

        pub(crate) fn number(mut self, number: f64) -> Self {
            self.0.push(1);
            self.0.extend(number.to_le_bytes());
            self
        }

        pub(crate) fn text(mut self, text: &str) -> Self {
            self.0.push(2);
            self.0.extend((text.len() as u32).to_le_bytes());
            self.0.extend(text.as_bytes());
            self
        }

        pub(crate) fn list(mut self, length: u32) -> Self {
            self.0.push(3);
            self.0.extend(length.to_le_bytes());
            self
        }
    }

    #[test]
    fn a_row_reads_as_it_was_written() {
        let row = Row::default()
            .number(1.5)
            .text("Zürich")
            .nothing()
            .number(1.0)
            .list(3)
            .text("conv:a")
            .text("no topic")
            .text("conv:b")
            .text("00000000000000ff");
        let mut values = Values::new(&row.0);
        assert_eq!(values.millis(), Some(Duration::from_micros(1500)));
        assert_eq!(values.text(), Some("Zürich"));
        assert_eq!(values.seq(), None);
        assert!(values.flag());
        let (topics, are_topics) = values.topics();
        assert!(!are_topics);
        assert_eq!(topics.iter().map(Topic::as_str).collect::<Vec<_>>(), ["conv:a", "conv:b"]);
        assert_eq!(values.epoch(), Some(Epoch::from_bits(255)));
        assert_eq!(values.text(), None);
    }

    #[test]
    fn numbers_out_of_range_are_the_nearest_and_no_positions() {
        let row =
            Row::default().number(-1.0).number(f64::NAN).number(f64::INFINITY).number(9e15).number(1e300);
        let mut values = Values::new(&row.0);
        assert_eq!(values.whole(), Some(0));
        assert_eq!(values.whole(), Some(0));
        assert_eq!(values.whole(), Some(u64::MAX));
        assert_eq!(values.seq(), Seq::new(9_000_000_000_000_000));
        assert_eq!(values.seq(), None);
        assert_eq!(micros(f64::INFINITY), u64::MAX);
    }

    #[test]
    fn a_broken_row_ends_and_a_wrong_kind_is_nothing() {
        let whole = Row::default().text("abc").list(u32::MAX).text("conv:a").number(1.0).0;
        for cut in 0..whole.len() {
            let mut values = Values::new(&whole[..cut]);
            let (text, topics, number) = (values.text(), values.topics().0, values.number());
            assert_eq!(text.is_some(), cut >= 8, "{cut}");
            assert!(topics.len() <= 1 && number.is_none(), "a list takes what is left");
        }
        let mut wrong = Values::new(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0xff, 0, 9, 0]);
        assert_eq!(wrong.text(), None, "a number is no text");
        assert_eq!(wrong.text(), None, "not UTF-8");
        assert!(wrong.rest.is_empty());
        assert_eq!(wrong.text(), None);
    }
}
