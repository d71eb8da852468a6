//! How texts and objects are written: members in the order given, only what JSON demands is escaped.

use core::time::Duration;

use crate::position::Seq;

/// One JSON object under construction.
pub(crate) struct Object {
    text: String,
}

impl Object {
    /// An object whose first member is `name`.
    pub(crate) fn starting_with(name: &str, value: &str) -> Self {
        Object { text: String::with_capacity(128) }.text(name, value)
    }

    pub(crate) fn new() -> Self {
        Object { text: String::new() }
    }

    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        quote(value, |piece| self.text.push_str(piece));
        self
    }

    pub(crate) fn text_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(crate) fn flag(self, name: &str, value: bool) -> Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    pub(crate) fn seq(self, name: &str, value: Seq) -> Self {
        self.raw(name, &value.to_string())
    }

    pub(crate) fn seq_if(self, name: &str, value: Option<Seq>) -> Self {
        match value {
            Some(value) => self.seq(name, value),
            None => self,
        }
    }

    /// Whole milliseconds; saturates where a reader's numbers end.
    pub(crate) fn millis(self, name: &str, value: Duration) -> Self {
        let millis = value.as_millis().min(u128::from(Seq::MAX.get()));
        self.raw(name, &millis.to_string())
    }

    pub(crate) fn millis_if(self, name: &str, value: Option<Duration>) -> Self {
        match value {
            Some(value) => self.millis(name, value),
            None => self,
        }
    }

    pub(crate) fn texts<'a>(mut self, name: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.name(name);
        list(&mut self.text, values, |text, value| quote(value, |piece| text.push_str(piece)));
        self
    }

    pub(crate) fn objects(mut self, name: &str, values: impl IntoIterator<Item = Object>) -> Self {
        self.name(name);
        list(&mut self.text, values, |text, value| text.push_str(&value.finish()));
        self
    }

    /// A member whose value is JSON text already.
    pub(crate) fn raw(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.text.push_str(value);
        self
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push_str(if self.text.is_empty() { "{}" } else { "}" });
        self.text
    }

    fn name(&mut self, name: &str) {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        quote(name, |piece| self.text.push_str(piece));
        self.text.push(':');
    }
}

fn list<T>(text: &mut String, values: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    text.push('[');
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, value);
    }
    text.push(']');
}

/// Writes `value` as a JSON text, quotes included, piece by piece.
pub(crate) fn quote(value: &str, mut write: impl FnMut(&str)) {
    write("\"");
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| escaped_len(byte) > 1) {
        let (plain, from) = rest.split_at(at);
        write(plain);
        // Every byte that needs an escape is ASCII, so a character starts behind it.
        let (special, behind) = from.split_at(1);
        escape(special.as_bytes()[0], &mut write);
        rest = behind;
    }
    write(rest);
    write("\"");
}

/// How many bytes [`quote`] writes.
pub(crate) fn quoted_len(value: &str) -> usize {
    2 + value.bytes().map(escaped_len).sum::<usize>()
}

fn escaped_len(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    }
}

fn escape(byte: u8, write: &mut impl FnMut(&str)) {
    const HEX: &str = "0123456789abcdef";
    match byte {
        b'"' => write("\\\""),
        b'\\' => write("\\\\"),
        b'\n' => write("\\n"),
        b'\r' => write("\\r"),
        b'\t' => write("\\t"),
        0x08 => write("\\b"),
        0x0c => write("\\f"),
        control => {
            write("\\u00");
            for digit in [usize::from(control >> 4), usize::from(control & 15)] {
                write(&HEX[digit..=digit]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_what_a_json_parser_reads_back_and_as_long_as_foretold() {
        let every_control: String = (0..=0x20u8).map(char::from).collect();
        for value in ["", "plain", "a\"b\\c", "Zürich 🎈", "\u{7f}\u{2028}", "\"", &every_control] {
            let mut text = String::new();
            quote(value, |piece| text.push_str(piece));
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
            assert_eq!(text.len(), quoted_len(value), "{text}");
        }
    }

    #[test]
    fn members_stand_in_the_order_given() {
        let inner = Object::new().seq("n", Seq::ZERO);
        let text = Object::starting_with("a", "b")
            .flag("c", true)
            .objects("d", [inner, Object::new()])
            .texts("e", []);
        assert_eq!(text.finish(), r#"{"a":"b","c":true,"d":[{"n":0},{}],"e":[]}"#);
    }
}
