//! Where chance comes from: a seed, so that the same calls give the same connection.

use core::time::Duration;

use bowline_proto::Time;

/// SplitMix64: small, fast and even enough to spread delays. Nothing secret depends on it.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    /// Uniform between zero and `most`, both included.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let micros = (Time::ZERO + most).as_micros();
        // 2^64 is far above any delay, so the remainder's bias is below one in a million.
        Duration::from_micros(self.next() % micros.saturating_add(1).max(1))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_stays_within_its_bounds_and_reaches_both_halves() {
        let mut random = Random::new(7);
        let drawn: Vec<Duration> = (0..200).map(|_| random.up_to(Duration::from_micros(10))).collect();
        assert!(drawn.iter().all(|d| *d <= Duration::from_micros(10)));
        assert!(drawn.contains(&Duration::ZERO) && drawn.contains(&Duration::from_micros(10)));
        assert_eq!(random.up_to(Duration::ZERO), Duration::ZERO);
        let _ = random.up_to(Duration::MAX);
    }
}
