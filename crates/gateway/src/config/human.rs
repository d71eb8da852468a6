//! How people write durations and sizes.

use core::time::Duration;

/// The text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration; write a number and a unit: 500ms, 15s, 110m, 2h, 7d, or several (1h30m)")]
pub struct InvalidDuration(pub String);

/// The text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no size; write a number and a unit: 512B, 64KiB, 16MiB, 1GiB (or kB, MB, GB)")]
pub struct InvalidSize(pub String);

/// Reads `15s`, `500ms`, `110m`, `2h`, `7d`, and several in a row: `1h30m`.
///
/// # Errors
/// [`InvalidDuration`] holds the text.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let _ = text;
    todo!()
}

/// Writes a duration so that [`parse_duration`] reads it back, to the millisecond.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let _ = duration;
    todo!()
}

/// Reads `512B`, `64KiB`, `16MiB`, `1GiB`, `2TiB`, and the decimal `kB`, `MB`, `GB`, `TB`.
///
/// # Errors
/// [`InvalidSize`] holds the text.
pub fn parse_size(text: &str) -> Result<u64, InvalidSize> {
    let _ = text;
    todo!()
}
