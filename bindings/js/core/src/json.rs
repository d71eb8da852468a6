//! How orders are written for the host: as JSON, which it reads with what it has built in.
//!
//! Names are ours and need no escapes. Numbers are whole, but for milliseconds, which may have three decimals.

use core::time::Duration;

use bowline_proto::Time;

/// A JSON text that grows. Commas come by themselves.
#[derive(Debug, Default)]
pub(crate) struct Json {
    pub(crate) text: Vec<u8>,
}

impl Json {
    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.value(b"{");
        members(self);
        self.raw(b"}");
    }

    /// An object whose first member says what it is.
    pub(crate) fn kind(&mut self, kind: &str) {
        self.text("kind", kind);
    }

    pub(crate) fn list<T>(&mut self, name: &str, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.name(name);
        self.value(b"[");
        for item in items {
            each(self, item);
        }
        self.raw(b"]");
    }

    pub(crate) fn member(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.object(members);
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.string(text);
    }

    pub(crate) fn text_if_any(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.digits(number, 10, 1);
    }

    pub(crate) fn number_if_any(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.number(name, number);
        }
    }

    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.value(if flag { b"true" } else { b"false" });
    }

    pub(crate) fn millis(&mut self, name: &str, duration: Duration) {
        let micros = (Time::ZERO + duration).as_micros();
        self.number(name, micros / 1000);
        if !micros.is_multiple_of(1000) {
            self.raw(b".");
            self.digits(micros % 1000, 10, 3);
        }
    }

    pub(crate) fn millis_if_any(&mut self, name: &str, duration: Option<Duration>) {
        if let Some(duration) = duration {
            self.millis(name, duration);
        }
    }

    /// Sixteen hex digits.
    pub(crate) fn hex(&mut self, name: &str, bits: u64) {
        self.name(name);
        self.value(b"\"");
        self.digits(bits, 16, 16);
        self.raw(b"\"");
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.value(b"\"");
        for &byte in text.as_bytes() {
            match byte {
                b'"' | b'\\' => self.raw(&[b'\\', byte]),
                0..0x20 => {
                    self.raw(b"\\u");
                    self.digits(byte.into(), 16, 4);
                }
                _ => self.text.push(byte),
            }
        }
        self.raw(b"\"");
    }

    fn name(&mut self, name: &str) {
        self.string(name);
        self.raw(b":");
    }

    /// Begins a value, with a comma where one stood before.
    pub(crate) fn value(&mut self, text: &[u8]) {
        if !matches!(self.text.last(), None | Some(b'{' | b'[' | b':')) {
            self.raw(b",");
        }
        self.raw(text);
    }

    pub(crate) fn raw(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// `number` in `base`, with at least `width` digits.
    fn digits(&mut self, mut number: u64, base: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        while number > 0 {
            first -= 1;
            digits[first] = b"0123456789abcdef"[(number % base) as usize];
            number /= base;
        }
        self.raw(&digits[first.min(digits.len() - width)..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json() {
        let mut json = Json::default();
        json.object(|json| {
            json.kind("a");
            json.text("text", "\"\\\n\u{1}é");
            json.number("zero", 0);
            json.number("most", u64::MAX);
            json.number_if_any("none", None);
            json.flag("yes", true);
            json.millis("whole", Duration::from_secs(2));
            json.millis("part", Duration::from_micros(1_020));
            json.hex("epoch", 0xff);
            json.list("list", &["x", "y"], |json, item| json.string(item));
            json.list("empty", &[(); 0], |_, ()| ());
            json.member("object", |json| json.flag("no", false));
        });
        let expected = concat!(
            r#"{"kind":"a","text":"\"\\\u000a\u0001é","zero":0,"most":18446744073709551615,"yes":true,"#,
            r#""whole":2000,"part":1.020,"epoch":"00000000000000ff","list":["x","y"],"empty":[],"object":{"no":false}}"#,
        );
        assert_eq!(core::str::from_utf8(&json.text), Ok(expected));
    }
}
