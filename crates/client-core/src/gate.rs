//! When the next attempt may start: backoff, attempts and what servers asked us to wait, for every path alike.
//!
//! Base 1 s doubling to 30 s, full jitter. The count starts over only when a connection has been accepted and stayed
//! up for `stable_after`: a gateway that accepts and then closes meets growing delays.

use core::time::Duration;

use bowline_proto::Time;

use crate::config::{ClientConfig, Jitter};
use crate::random::Random;

/// A longer wait than this is a broken clock, not a wish.
const LONGEST_HOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The one gate that every retry passes.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Retries since the connection was last stable.
    attempts: u32,
    /// No attempt starts before this: a `retryAfter` or a draining slot.
    not_before: Time,
    /// The provider has been asked once more since the connection was last stable.
    is_credential_doubted: bool,
    /// Since when the connection has been up; handovers do not interrupt it.
    up_since: Option<Time>,
}

/// Whether an attempt waits for its backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Haste {
    /// As soon as no server's wish forbids it.
    AtOnce,
    /// After the backoff.
    Backoff,
}

/// A turn at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// From 1.
    pub(crate) attempt: u32,
    /// When it starts.
    pub(crate) at: Time,
}

impl Gate {
    /// The application asked to connect: everything before is forgotten but a server's wish.
    pub(crate) fn start_over(&mut self) {
        *self = Gate { not_before: self.not_before, ..Gate::default() };
    }

    /// A link was accepted while none was live.
    pub(crate) fn went_up(&mut self, now: Time) {
        self.up_since = Some(now);
    }

    /// The live link was lost without a successor.
    pub(crate) fn went_down(&mut self, now: Time, config: &ClientConfig) {
        let was_stable = self.up_since.take().is_some_and(|since| now.since(since) >= config.stable_after);
        if was_stable {
            self.attempts = 0;
            self.is_credential_doubted = false;
        }
    }

    /// A server asked to wait.
    pub(crate) fn hold(&mut self, now: Time, wait: Duration) {
        self.not_before = self.not_before.max(now + wait.min(LONGEST_HOLD));
    }

    /// The credential was not accepted: `true` when the provider may be asked once more.
    pub(crate) fn may_ask_provider_again(&mut self) -> bool {
        !core::mem::replace(&mut self.is_credential_doubted, true)
    }

    /// The next turn, or `None` when as many as allowed have failed.
    pub(crate) fn next_turn(
        &mut self,
        now: Time,
        haste: Haste,
        config: &ClientConfig,
        random: &mut Random,
    ) -> Option<Turn> {
        if config.max_attempts != 0 && self.attempts >= config.max_attempts {
            return None;
        }
        self.attempts = self.attempts.saturating_add(1);
        let delay = match haste {
            Haste::AtOnce => Duration::ZERO,
            Haste::Backoff => backoff(self.attempts, config, random),
        };
        Some(Turn { attempt: self.attempts, at: self.earliest(now + delay) })
    }

    /// `at`, or later where a server asked for it.
    pub(crate) fn earliest(&self, at: Time) -> Time {
        at.max(self.not_before)
    }

    /// How many retries have been started since the connection was last stable.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// The delay before retry number `attempt`, counted from 1.
pub(crate) fn backoff(attempt: u32, config: &ClientConfig, random: &mut Random) -> Duration {
    let mut delay = config.backoff_base;
    let mut doubled = 1;
    while doubled < attempt && delay < config.backoff_cap {
        delay = delay.saturating_add(delay);
        doubled += 1;
    }
    let delay = delay.min(config.backoff_cap);
    match config.jitter {
        Jitter::Full => random.up_to(delay),
        Jitter::None => delay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_cap() {
        let config = ClientConfig::new().jitter(Jitter::None);
        let mut random = Random::new(0);
        let seconds: Vec<u64> =
            [1, 2, 3, 4, 5, 6, 7, 33, u32::MAX].map(|n| backoff(n, &config, &mut random).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
    }

    #[test]
    fn a_wish_of_a_century_is_a_day() {
        let mut gate = Gate::default();
        gate.hold(Time::ZERO, Duration::MAX);
        assert_eq!(gate.earliest(Time::ZERO), Time::ZERO + LONGEST_HOLD);
    }
}
