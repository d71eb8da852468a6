//! When two texts count as the same: by a 64-bit digest, so that a history of millions of deliveries holds no text.
//!
//! Not for secrets, and not against an adversary: two different texts of an honest run meet with a chance of 2^-64 a pair.

use core::fmt;

/// Stands for a frame's or a payload's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u64);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut state = SEED ^ (bytes.len() as u64).wrapping_mul(ODD);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            state = stir(state, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        Digest(stir(stir(state, u64::from_le_bytes(last)), SEED))
    }

    /// The digest with these bits, as [`bits`](Self::bits) gave them.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Digest(bits)
    }

    /// Its 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Every bit of `word` reaches every bit of the state.
fn stir(state: u64, word: u64) -> u64 {
    let wide = u128::from(state ^ word) * u128::from(ODD);
    let folded = (wide as u64) ^ ((wide >> 64) as u64);
    (folded ^ word.rotate_left(29)).wrapping_mul(SEED) ^ (folded >> 31)
}

/// Odd numbers without a pattern: the fractions of the golden ratio and of the square root of three.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const SEED: u64 = 0xbb67_ae85_84ca_a73b;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_text_that_differs_in_one_bit_has_another_digest() {
        let text: Vec<u8> = (0..100).collect();
        let mut digests = BTreeSet::from([Digest::of(&text)]);
        for bit in 0..text.len() * 8 {
            let mut altered = text.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(digests.insert(Digest::of(&altered)), "bit {bit}");
        }
        for length in 0..text.len() {
            assert!(digests.insert(Digest::of(&text[..length])), "length {length}");
        }
    }

    #[test]
    fn zeroes_at_the_end_count() {
        assert_ne!(Digest::of(b"ab"), Digest::of(b"ab\0"));
        assert_ne!(Digest::of(b""), Digest::of(b"\0\0\0\0\0\0\0\0"));
    }
}
