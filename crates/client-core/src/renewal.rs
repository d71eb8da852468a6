//! When a handover is due, and until when its tries make sense.
//!
//! A link is renewed before the network closes it: after `renew_after` (110 min, up to 5 % earlier at random; widespread
//! API gateways cut at 120), in any case well before the gateway's own maximum; or in the slot that `connection.draining`
//! assigns; or when the application asks.

use core::time::Duration;

use bowline_proto::{Draining, Time};

use crate::config::{ClientConfig, RenewAfter};
use crate::random::Random;

/// What remains for tries when nobody has said when the link will be cut: 120 min less the default of 110.
const ASSUMED_MARGIN: Duration = Duration::from_secs(10 * 60);

/// A maximum below this is taken as this: a peer must not be able to make us hand over without end.
const SHORTEST_DURATION: Duration = Duration::from_secs(10);

/// A gateway's wish to move waits until a link is this old.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// When a link is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first try.
    pub(crate) opens: Time,
    /// When the link will be gone.
    pub(crate) closes: Time,
}

impl Window {
    /// For a link that was accepted at `accepted_at`, or survived its window until then.
    pub(crate) fn planned(
        accepted_at: Time,
        max_duration: Option<Duration>,
        config: &ClientConfig,
        random: &mut Random,
    ) -> Option<Window> {
        let age = match config.renew_after {
            RenewAfter::Never => return None,
            RenewAfter::Exactly(age) => age,
            RenewAfter::About(age) => age.saturating_sub(random.up_to(age / 20)),
        };
        let due = accepted_at + age;
        Some(match max_duration {
            Some(most) => {
                let most = most.max(SHORTEST_DURATION);
                let closes = accepted_at + most;
                Window { opens: due.min(closes - ASSUMED_MARGIN.min(most / 10)), closes }
            }
            None => Window { opens: due, closes: due + ASSUMED_MARGIN },
        })
    }

    /// The application asked.
    pub(crate) fn asked(now: Time, planned: Option<Window>) -> Window {
        let closes = planned.map_or(now + ASSUMED_MARGIN, |window| window.closes);
        Window { opens: now, closes: closes.max(now) }
    }

    /// The gateway asked. Its slot is kept, so that a fleet does not move at once; and a link is not replaced in its
    /// first second, so that gateways which all drain do not pass a client around in circles.
    pub(crate) fn drained(now: Time, accepted_at: Time, draining: Draining) -> Window {
        let opens = (now + draining.slot).max(accepted_at + SHORTEST_LIFE);
        Window { opens, closes: (now + draining.deadline).max(opens) }
    }

    /// When to try again after a failure, `None` when the link will be gone before. A try that would start too late to be
    /// accepted within its deadline is moved forward so that it fits; when even that is past, tries go on to the end: most
    /// accepts take a fraction of their deadline, and one that is cut short costs nothing. None starts before the window
    /// opens: a drain may have moved that while the failed try was under way.
    pub(crate) fn retry_at(self, now: Time, delay: Duration, config: &ClientConfig) -> Option<Time> {
        let last = (self.closes - config.accept_deadline).max(self.opens);
        let at = (now + delay).max(self.opens);
        if now < last { Some(at.min(last)) } else { (at < self.closes).then_some(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_window_opens_before_the_earlier_of_the_two_limits() {
        let mut random = Random::new(1);
        let exactly = |age| ClientConfig::new().renew_after(RenewAfter::Exactly(Duration::from_secs(age)));
        for (age, most, expected) in [
            (6600, None, (6600, 7200)),
            (6600, Some(7200), (6600, 7200)),
            (6600, Some(3600), (3240, 3600)),
            (1, Some(7200), (1, 7200)),
            (6600, Some(0), (9, 10)),
        ] {
            let window =
                Window::planned(Time::ZERO, most.map(Duration::from_secs), &exactly(age), &mut random);
            assert_eq!(
                window,
                Some(Window { opens: s(expected.0), closes: s(expected.1) }),
                "{age} {most:?}"
            );
        }
    }

    #[test]
    fn jitter_makes_a_window_open_up_to_a_twentieth_earlier() {
        let config = ClientConfig::new();
        for seed in 0..100 {
            let window = Window::planned(Time::ZERO, None, &config, &mut Random::new(seed)).unwrap();
            assert!(window.opens >= s(6270) && window.opens <= s(6600), "{window:?}");
        }
    }

    #[test]
    fn tries_fit_into_the_window_and_go_on_to_its_end() {
        let config = ClientConfig::new();
        let window = Window { opens: s(0), closes: s(60) };
        for (now, delay, expected) in
            [(0, 10, Some(10)), (30, 30, Some(45)), (44, 1, Some(45)), (45, 1, Some(46)), (59, 1, None)]
        {
            let at = window.retry_at(s(now), Duration::from_secs(delay), &config);
            assert_eq!(at, expected.map(s), "{now} {delay}");
        }
        let slot = Window { opens: s(30), closes: s(60) };
        assert_eq!(slot.retry_at(s(0), Duration::from_secs(1), &config), Some(s(30)));
    }
}
