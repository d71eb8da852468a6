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

/// Milliseconds in each unit of a duration, the longest first.
const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Bytes in each unit of a size.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads `15s`, `500ms`, `110m`, `2h`, `7d`, and several in a row: `1h30m`. Whole numbers only.
///
/// ```
/// use core::time::Duration;
/// use bowline_gateway::config::parse_duration;
///
/// assert_eq!(parse_duration("1h50m")?, Duration::from_secs(110 * 60));
/// # Ok::<(), bowline_gateway::config::InvalidDuration>(())
/// ```
///
/// # Errors
/// [`InvalidDuration`] holds the text.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    let mut rest = text.trim();
    let mut millis = 0u64;
    loop {
        let (number, unit, tail) = number_and_unit(rest).ok_or_else(invalid)?;
        let (_, factor) = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let part = number.checked_mul(*factor).ok_or_else(invalid)?;
        millis = millis.checked_add(part).ok_or_else(invalid)?;
        rest = tail;
        if rest.is_empty() {
            return Ok(Duration::from_millis(millis));
        }
    }
}

/// Writes a duration so that [`parse_duration`] reads it back, to the millisecond.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, factor) in DURATION_UNITS {
        if millis >= factor {
            text.push_str(&format!("{}{unit}", millis / factor));
            millis %= factor;
        }
    }
    text
}

/// Reads `512B`, `64KiB`, `16MiB`, `1GiB`, `2TiB`, and the decimal `kB`, `MB`, `GB`, `TB`.
///
/// # Errors
/// [`InvalidSize`] holds the text.
pub fn parse_size(text: &str) -> Result<u64, InvalidSize> {
    let invalid = || InvalidSize(text.to_owned());
    let (number, unit, tail) = number_and_unit(text.trim()).ok_or_else(invalid)?;
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    if !tail.is_empty() {
        return Err(invalid());
    }
    number.checked_mul(*factor).ok_or_else(invalid)
}

/// The number and the unit at the start of `text`, and what follows them.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number = text[..digits].parse().ok()?;
    let unit_and_tail = text[digits..].trim_start();
    let unit = unit_and_tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit_and_tail.len());
    Some((number, &unit_and_tail[..unit], unit_and_tail[unit..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("15s", Some(15_000)),
            ("500ms", Some(500)),
            ("110m", Some(110 * 60_000)),
            ("2h", Some(7_200_000)),
            ("7d", Some(7 * 86_400_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            (" 15 s ", Some(15_000)),
            ("0s", Some(0)),
            ("", None),
            ("15", None),
            ("s", None),
            ("-1s", None),
            ("1.5h", None),
            ("15sec", None),
            ("15S", None),
            ("1h30", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(parse_duration(text).ok(), millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for millis in [0, 1, 999, 1000, 61_001, 5_400_000, 7 * 86_400_000, 90_061_001] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
        assert_eq!(format_duration(Duration::from_secs(5400)), "1h30m");
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("1 GiB", Some(1 << 30)),
            ("2TiB", Some(2 << 40)),
            ("10MB", Some(10_000_000)),
            ("10", None),
            ("10K", None),
            ("10kib", None),
            ("1GiB2", None),
            ("999999999999TiB", None),
        ] {
            assert_eq!(parse_size(text).ok(), bytes, "{text:?}");
        }
    }
}
