//! Time as the cores see it: an integer that somebody else advances.
//!
//! No core reads a clock. A driver maps its monotonic clock to [`Time`]; a test jumps 110 minutes by adding.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point of monotonic time: microseconds since an origin of the driver's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Time = Time(0);
    /// Later than any deadline.
    pub const MAX: Time = Time(u64::MAX);

    /// The point `micros` microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Time(micros)
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates: a deadline too far away is never.
    fn add(self, by: Duration) -> Time {
        Time(self.0.saturating_add(micros_of(by)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    /// Saturates at the origin.
    fn sub(self, by: Duration) -> Time {
        Time(self.0.saturating_sub(micros_of(by)))
    }
}

/// Saturates. `as_micros` counts in 128 bits, which a machine without them multiplies in software.
const fn micros_of(duration: Duration) -> u64 {
    const MICROS: u64 = 1_000_000;
    let seconds = duration.as_secs();
    if seconds >= u64::MAX / MICROS { u64::MAX } else { seconds * MICROS + duration.subsec_micros() as u64 }
}

/// A point of wall-clock time: milliseconds since the Unix epoch. Only events, tokens and retention carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_far_away_is_never() {
        let at = |seconds, nanos| (Time::ZERO + Duration::new(seconds, nanos)).as_micros();
        let most = u64::MAX / 1_000_000;
        assert_eq!(at(2, 1_999), 2_000_001);
        assert_eq!(at(most - 1, 999_999_999), most * 1_000_000 - 1);
        assert_eq!([at(most, 0), at(most + 1, 0), at(u64::MAX, 999_999_999)], [u64::MAX; 3]);
        assert_eq!(Time::from_micros(5) + Duration::MAX, Time::MAX);
        assert_eq!(Time::from_micros(5) - Duration::MAX, Time::ZERO);
        assert_eq!(Time::from_micros(5) - Duration::from_micros(2), Time::from_micros(3));
    }
}
