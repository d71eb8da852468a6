//! How wall-clock time is written: RFC 3339 in UTC with milliseconds, on the Gregorian calendar without leap seconds.

use core::fmt;

use crate::time::Timestamp;

const MILLIS_PER_DAY: u64 = 86_400_000;
/// 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for the year.
const LAST: u64 = 253_402_300_799_999;
/// From 0000-03-01 to 1970-01-01. Years are counted from March, so that the leap day is a year's last.
const DAYS_TO_1970: u64 = 719_468;
const DAYS_PER_400_YEARS: u64 = 146_097;
const DAYS_PER_100_YEARS: u64 = 36_524;
const DAYS_PER_4_YEARS: u64 = 1_461;

impl Timestamp {
    /// Length of the text form, in bytes.
    pub const TEXT_BYTES: usize = 24;

    /// The text form, such as `2026-11-22T01:02:03.456Z`, in ASCII. The year ends at 9999: what is later reads as its
    /// last millisecond.
    #[must_use]
    pub fn to_text(self) -> [u8; Timestamp::TEXT_BYTES] {
        let millis = self.0.min(LAST);
        let (year, month, day) = civil_date(millis / MILLIS_PER_DAY);
        let of_day = millis % MILLIS_PER_DAY;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (end, width, value) in [
            (4, 4, year),
            (7, 2, month),
            (10, 2, day),
            (13, 2, of_day / 3_600_000),
            (16, 2, of_day / 60_000 % 60),
            (19, 2, of_day / 1_000 % 60),
            (23, 3, of_day % 1_000),
        ] {
            let mut rest = value;
            for digit in text[end - width..end].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        text
    }

    /// Reads RFC 3339: any offset, any number of fraction digits (what is below a millisecond is cut off), `T` and `Z`
    /// in either case or a space for the `T`. A leap second reads as the second after it. `None` for anything else and
    /// for times before 1970.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        let (fixed, rest) = text.as_bytes().split_at_checked(19)?;
        let separators = [(4, b"--"), (7, b"--"), (10, b"Tt"), (13, b"::"), (16, b"::")];
        let apart = separators
            .into_iter()
            .all(|(at, either)| either.contains(&fixed[at]) || (at == 10 && fixed[at] == b' '));
        let (year, month, day) = (number(&fixed[..4])?, number(&fixed[5..7])?, number(&fixed[8..10])?);
        let (hour, minute, second) =
            (number(&fixed[11..13])?, number(&fixed[14..16])?, number(&fixed[17..])?);
        let exists = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        if !apart || !exists || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (millis, zone) = fraction(rest)?;
        let minutes = days_since_1970(year, month, day) * 1_440 + (hour * 60 + minute) as i64 - zone;
        let minutes = u64::try_from(minutes).ok()?;
        Some(Timestamp((minutes * 60 + second) * 1_000 + millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

/// Digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// Milliseconds of the second, and the zone's offset from UTC in minutes.
fn fraction(rest: &[u8]) -> Option<(u64, i64)> {
    let Some(digits_on) = rest.strip_prefix(b".") else { return Some((0, offset(rest)?)) };
    let count = digits_on.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = digits_on.split_at(count);
    if digits.is_empty() {
        return None;
    }
    let millis = (0..3).fold(0, |sum, at| sum * 10 + digits.get(at).map_or(0, |byte| u64::from(byte - b'0')));
    Some((millis, offset(zone)?))
}

fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hour, minute) = match zone {
        b"Z" | b"z" => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, [*h1, *h2], [*m1, *m2]),
        [b'-', h1, h2, b':', m1, m2] => (-1, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hour, minute) = (number(&hour)?, number(&minute)?);
    let minutes = i64::try_from(hour * 60 + minute).ok()?;
    (hour <= 23 && minute <= 59).then_some(sign * minutes)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Negative before 1970.
fn days_since_1970(year: u64, month: u64, day: u64) -> i64 {
    // Days of the years before this one, counted from year 1.
    let days_before = |year: i64| {
        let past = year - 1;
        past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
    };
    let of_year = (1..month).map(|earlier| days_of(year, earlier)).sum::<u64>() + day - 1;
    days_before(year as i64) - days_before(1970) + of_year as i64
}

/// Year, month and day of the day that many days after 1970-01-01.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let since_march_0 = days + DAYS_TO_1970;
    let (cycles, rest) = (since_march_0 / DAYS_PER_400_YEARS, since_march_0 % DAYS_PER_400_YEARS);
    // The last century of a cycle and the last year of four are a day longer: `min` keeps that day inside them.
    let centuries = (rest / DAYS_PER_100_YEARS).min(3);
    let rest = rest - centuries * DAYS_PER_100_YEARS;
    let (fours, rest) = (rest / DAYS_PER_4_YEARS, rest % DAYS_PER_4_YEARS);
    let ones = (rest / 365).min(3);
    let mut day = rest - ones * 365;
    let march_year = cycles * 400 + centuries * 100 + fours * 4 + ones;
    for (month, length) in
        [(3, 31), (4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30), (10, 31), (11, 30), (12, 31)]
    {
        if day < length {
            return (march_year, month, day + 1);
        }
        day -= length;
    }
    let (month, day) = if day < 31 { (1, day) } else { (2, day - 31) };
    (march_year + 1, month, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(u64, &str)] = &[
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_000_000_000_000, "2001-09-09T01:46:40.000Z"),
        (1_234_567_890_123, "2009-02-13T23:31:30.123Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_735_603_200_000, "2024-12-31T00:00:00.000Z"),
        (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        (2_147_483_647_000, "2038-01-19T03:14:07.000Z"),
        (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (LAST, "9999-12-31T23:59:59.999Z"),
    ];

    #[test]
    fn known_instants_are_written_and_read() {
        for (millis, text) in KNOWN {
            assert_eq!(Timestamp(*millis).to_string(), *text);
            assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp(*millis)), "{text}");
        }
        assert_eq!(Timestamp(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_eight_thousand_years_follows_on_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..=LAST / MILLIS_PER_DAY {
            assert_eq!(civil_date(days), (year, month, day));
            assert_eq!(days_since_1970(year, month, day), days as i64);
            day += 1;
            if day > days_of(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn offsets_and_fractions_are_understood() {
        for (text, same_as) in [
            ("2026-11-22T01:02:03Z", "2026-11-22T01:02:03.000Z"),
            ("2026-11-22t01:02:03z", "2026-11-22T01:02:03.000Z"),
            ("2026-11-22 01:02:03Z", "2026-11-22T01:02:03.000Z"),
            ("2026-11-22T01:02:03.4Z", "2026-11-22T01:02:03.400Z"),
            ("2026-11-22T01:02:03.456999999999Z", "2026-11-22T01:02:03.456Z"),
            ("2026-11-22T01:02:03+01:30", "2026-11-21T23:32:03.000Z"),
            ("2026-11-22T01:02:03.5-23:59", "2026-11-23T01:01:03.500Z"),
            ("2026-11-22T01:02:03-00:00", "2026-11-22T01:02:03.000Z"),
            ("1969-12-31T23:30:00-01:00", "1970-01-01T00:30:00.000Z"),
            ("1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ] {
            let read = Timestamp::parse_rfc3339(text).map(|at| at.to_string());
            assert_eq!(read.as_deref(), Some(same_as), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_since_1970_is_refused() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T01:02:03",
            "2026-11-22T01:02:03.Z",
            "2026-11-22T01:02Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00Zx",
            "+026-01-01T00:00:00Z",
            "2026/01/01T00:00:00Z",
            "2026-01-01x00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:59:59+01:00",
            "0000-01-01T00:00:00Z",
            "2026-01-01T00:00:0éZ",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }
}
