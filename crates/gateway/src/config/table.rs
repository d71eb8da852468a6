//! One table of the configuration file: every key is asked for by name, and a key that nobody asked for is an error.

use core::net::SocketAddr;
use core::time::Duration;

use toml::Value;

use crate::config::error::ConfigError;
use crate::config::human::{parse_duration, parse_size};

/// A table that is being read.
#[derive(Debug)]
pub(crate) struct Table {
    /// `limits`, or nothing at the top level.
    name: &'static str,
    /// What nobody has asked for yet.
    rest: toml::Table,
    /// What was asked for: the keys that mean something here.
    known: Vec<&'static str>,
}

impl Table {
    /// The top level of a file.
    pub(crate) fn top(table: toml::Table) -> Self {
        Table { name: "", rest: table, known: Vec::new() }
    }

    /// The table `[name]`, empty when the file has none.
    pub(crate) fn table(&mut self, name: &'static str) -> Result<Table, ConfigError> {
        let rest = self.value(name, "a table", |value| match value {
            Value::Table(table) => Ok(table),
            other => Err(Mismatch::Type(other)),
        })?;
        Ok(Table { name, rest: rest.unwrap_or_default(), known: Vec::new() })
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        self.value(key, "a text", text)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        self.value(key, "true or false", |value| value.as_bool().ok_or(Mismatch::Type(value)))
    }

    /// A whole number, at least `least`.
    pub(crate) fn count(&mut self, key: &'static str, least: u32) -> Result<Option<u32>, ConfigError> {
        self.value(key, "a whole number", |value| {
            let number = value.as_integer().ok_or(Mismatch::Type(value))?;
            u32::try_from(number).ok().filter(|number| *number >= least).ok_or_else(|| {
                Mismatch::Value(format!(
                    "{number} is out of range; write a whole number from {least} to {}",
                    u32::MAX
                ))
            })
        })
    }

    pub(crate) fn duration(&mut self, key: &'static str) -> Result<Option<Duration>, ConfigError> {
        self.value(key, DURATION, duration)
    }

    /// A duration, or `"off"`, which is the inner `None`.
    pub(crate) fn duration_or_off(
        &mut self,
        key: &'static str,
    ) -> Result<Option<Option<Duration>>, ConfigError> {
        self.value(key, "a duration such as \"7d\", or \"off\"", |value| or_off(value, duration))
    }

    pub(crate) fn size(&mut self, key: &'static str) -> Result<Option<u64>, ConfigError> {
        self.value(key, SIZE, size)
    }

    /// A size, or `"off"`, which is the inner `None`.
    pub(crate) fn size_or_off(&mut self, key: &'static str) -> Result<Option<Option<u64>>, ConfigError> {
        self.value(key, "a size such as \"1GiB\", or \"off\"", |value| or_off(value, size))
    }

    pub(crate) fn address(&mut self, key: &'static str) -> Result<Option<SocketAddr>, ConfigError> {
        self.value(key, ADDRESS, address)
    }

    /// An address, or `"off"`, which is the inner `None`.
    pub(crate) fn address_or_off(
        &mut self,
        key: &'static str,
    ) -> Result<Option<Option<SocketAddr>>, ConfigError> {
        self.value(key, "an address such as \"127.0.0.1:8788\", or \"off\"", |value| or_off(value, address))
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<Option<T>, ConfigError> {
        self.value(key, "a text", |value| {
            let text = text(value)?;
            choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
                let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
                Mismatch::Value(format!("{text:?} is none of {}", names.join(", ")))
            })
        })
    }

    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        self.value(key, LIST, texts)
    }

    /// Everything that was not asked for, as lists of texts: for a table whose keys are the operator's own.
    pub(crate) fn free_texts(mut self) -> Result<Vec<(String, Vec<String>)>, ConfigError> {
        let entries = core::mem::take(&mut self.rest);
        entries
            .into_iter()
            .map(|(key, value)| match texts(value) {
                Ok(list) => Ok((key, list)),
                Err(mismatch) => Err(mismatch.at(format!("{}.{key:?}", self.name), LIST)),
            })
            .collect()
    }

    /// Ends the reading of the table: nothing may be left.
    pub(crate) fn end(self) -> Result<(), ConfigError> {
        let Some(key) = self.rest.keys().next() else { return Ok(()) };
        let nearest = self
            .known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(known, key), *known))
            .filter(|(distance, known)| *distance <= 1 + known.len().max(key.len()) / 3)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known);
        let table = match self.name {
            "" => "the top level".to_owned(),
            name => format!("[{name}]"),
        };
        let mut known = self.known;
        known.sort_unstable();
        Err(ConfigError::UnknownKey { key: key.clone(), table, nearest, known: known.join(", ") })
    }

    /// The key's full name, as it stands in messages.
    pub(crate) fn name_of(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl FnOnce(Value) -> Result<T, Mismatch>,
    ) -> Result<Option<T>, ConfigError> {
        self.known.push(key);
        let Some(value) = self.rest.remove(key) else { return Ok(None) };
        read(value).map(Some).map_err(|mismatch| mismatch.at(self.name_of(key), expected))
    }
}

const DURATION: &str = "a duration such as \"15s\"";
const SIZE: &str = "a size such as \"64KiB\"";
const ADDRESS: &str = "an address such as \"127.0.0.1:8787\"";
const LIST: &str = "a list of texts";

/// Why a value can't be taken.
enum Mismatch {
    Type(Value),
    Value(String),
}

impl Mismatch {
    fn at(self, key: String, expected: &'static str) -> ConfigError {
        match self {
            Mismatch::Type(found) => ConfigError::WrongType { key, expected, found: name_of_type(&found) },
            Mismatch::Value(problem) => ConfigError::Invalid { key, problem },
        }
    }
}

fn text(value: Value) -> Result<String, Mismatch> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Mismatch::Type(other)),
    }
}

fn duration(value: Value) -> Result<Duration, Mismatch> {
    parse_duration(&text(value)?).map_err(|error| Mismatch::Value(error.to_string()))
}

/// A size with a unit, or a number of bytes.
fn size(value: Value) -> Result<u64, Mismatch> {
    match value {
        Value::Integer(bytes) => {
            u64::try_from(bytes).map_err(|_| Mismatch::Value(format!("{bytes} is negative")))
        }
        value => parse_size(&text(value)?).map_err(|error| Mismatch::Value(error.to_string())),
    }
}

fn address(value: Value) -> Result<SocketAddr, Mismatch> {
    let text = text(value)?;
    text.parse().map_err(|_| {
        Mismatch::Value(format!(
            "{text:?} is no address; write an IP address and a port, such as \"127.0.0.1:8787\""
        ))
    })
}

fn or_off<T>(value: Value, read: impl FnOnce(Value) -> Result<T, Mismatch>) -> Result<Option<T>, Mismatch> {
    if value.as_str() == Some("off") { Ok(None) } else { read(value).map(Some) }
}

fn texts(value: Value) -> Result<Vec<String>, Mismatch> {
    match value {
        Value::Array(list) => list.into_iter().map(text).collect(),
        other => Err(Mismatch::Type(other)),
    }
}

fn name_of_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
