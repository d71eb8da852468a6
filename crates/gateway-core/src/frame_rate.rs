//! How many frames a client may send.
//!
//! A bucket of `burst` frames, refilled at `per_second`. A frame that finds it empty is dropped and the first such frame is
//! told with `RATE_LIMITED`. Somebody who stays above the rate for [`PATIENCE`] is closed with 4009 and may come back; a
//! debt of [`FLOOD`] buckets is a flood and closed with 4505. A queue that a client sends off after an outage stays below both.

use core::time::Duration;

use bowline_proto::Time;

use crate::config::FrameRate;

/// How long a client may stay above the rate.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many buckets of frames in debt are a flood.
const FLOOD: u32 = 10;

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    /// Dropped; the first one since the client was within the rate.
    FirstDropped,
    Dropped,
    TooLong,
    Flood,
}

/// One socket's bucket, kept as the time at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameMeter {
    full_at: Time,
    /// Since when frames are dropped.
    above_since: Option<Time>,
}

impl FrameMeter {
    /// Counts a frame.
    pub(crate) fn count(&mut self, now: Time, rate: FrameRate) -> Verdict {
        let each = Duration::from_secs(1) / rate.per_second;
        self.full_at = self.full_at.max(now) + each;
        let debt = self.full_at.since(now);
        if debt <= each * rate.burst {
            self.above_since = None;
            return Verdict::Taken;
        }
        let since = match self.above_since {
            Some(since) => since,
            None => {
                self.above_since = Some(now);
                return Verdict::FirstDropped;
            }
        };
        if debt > each.saturating_mul(rate.burst.saturating_mul(FLOOD)) {
            Verdict::Flood
        } else if now.since(since) >= PATIENCE {
            Verdict::TooLong
        } else {
            Verdict::Dropped
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: FrameRate = FrameRate { per_second: 100, burst: 200 };

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    #[test]
    fn a_burst_fits_and_what_is_above_it_is_dropped_and_told_once() {
        let mut meter = FrameMeter::default();
        let verdicts: Vec<Verdict> = (0..203).map(|_| meter.count(at(0), RATE)).collect();
        assert!(verdicts[..200].iter().all(|v| *v == Verdict::Taken));
        assert_eq!(verdicts[200..], [Verdict::FirstDropped, Verdict::Dropped, Verdict::Dropped]);
    }

    #[test]
    fn who_stays_within_the_rate_is_never_limited() {
        let mut meter = FrameMeter::default();
        assert!((0..10_000).all(|i| meter.count(at(i * 10), RATE) == Verdict::Taken));
    }

    #[test]
    fn who_stays_above_the_rate_is_closed_after_a_while_and_a_flood_at_once() {
        let mut meter = FrameMeter::default();
        let first_close = (0..60_000)
            .map(|i| (i, meter.count(at(i * 5), RATE)))
            .find(|(_, v)| matches!(v, Verdict::TooLong | Verdict::Flood))
            .expect("twice the rate is too much");
        assert_eq!(first_close.1, Verdict::TooLong);
        assert!(first_close.0 * 5 >= 5_000);

        let mut meter = FrameMeter::default();
        let flood = (0..).map(|_| meter.count(at(0), RATE)).position(|v| v == Verdict::Flood);
        assert_eq!(flood, Some(2_000));
    }
}
