//! Randomness of a run: SplitMix64, so that a printed seed gives the same faults in the same order again.

/// A stream of numbers that depends on its seed alone.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// A stream of its own for `name`: what one part draws does not shift what another gets.
    pub(crate) fn fork(&self, name: u64) -> Random {
        let mut fork = Random(self.0 ^ name.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        fork.next();
        fork
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` up to, not including, `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low).max(1)
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.between(0, from.len() as u64) as usize;
        &from[index]
    }

    /// In a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.between(0, last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers_and_forks_do_not_disturb_each_other() {
        let draws = |mut random: Random| [random.next(), random.between(3, 9), random.next()];
        assert_eq!(draws(Random::new(7)), draws(Random::new(7)));
        assert_ne!(draws(Random::new(7)), draws(Random::new(8)));
        let parent = Random::new(7);
        assert_eq!(draws(parent.fork(1)), draws(parent.fork(1)));
        assert_ne!(draws(parent.fork(1)), draws(parent.fork(2)));
        assert_eq!(draws(parent), draws(Random::new(7)));
    }
}
