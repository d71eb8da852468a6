//! Whether the machine has been asleep.
//!
//! The clock that deadlines are counted in stands still while a machine is suspended (Linux, macOS), the wall clock does
//! not. So a step of the wall clock that is much longer than that of the other is a sleep, and whatever waits or looks
//! alive is tried at once. A wall clock that somebody has set forward looks the same and costs one ping.

use core::time::Duration;
use std::time::SystemTime;

use tokio::time::Instant;

/// How often to look, at the least: what a waking machine loses at most, for one wake-up of a task.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A shorter sleep is left to the heartbeat.
const SLEEP: Duration = Duration::from_secs(30);

/// The two clocks at the last look.
pub(crate) struct Wake {
    wall: SystemTime,
    steady: Instant,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Wake { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// Whether the machine slept since the last look.
    pub(crate) fn has_slept(&mut self) -> bool {
        self.look(SystemTime::now(), Instant::now())
    }

    fn look(&mut self, wall: SystemTime, steady: Instant) -> bool {
        let wall_step = wall.duration_since(self.wall).unwrap_or_default();
        let steady_step = steady.saturating_duration_since(self.steady);
        *self = Wake { wall, steady };
        wall_step > steady_step.saturating_add(SLEEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wall_clock_that_runs_ahead_at_one_stroke_means_sleep() {
        let (wall, steady) = (SystemTime::now(), Instant::now());
        let s = Duration::from_secs;
        for (wall_step, steady_step, expected) in [
            (s(5), s(5), false),
            (s(34), s(5), false),
            (s(3 * 3600), s(5), true),
            (s(3 * 3600), s(3 * 3600), false),
            (s(0), s(3 * 3600), false),
        ] {
            let mut wake = Wake { wall, steady };
            assert_eq!(
                wake.look(wall + wall_step, steady + steady_step),
                expected,
                "{wall_step:?} {steady_step:?}"
            );
            assert!(!wake.look(wall + wall_step + s(5), steady + steady_step + s(5)), "told once");
        }
        let mut set_back = Wake { wall, steady };
        assert!(!set_back.look(wall - s(3600), steady + s(5)));
    }
}
