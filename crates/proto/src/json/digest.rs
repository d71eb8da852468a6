//! How two frames with the same text are known to be the same: a 64-bit hash, four times eight bytes at a time. It guards against
//! accidents, not against a peer who wants a collision and could only double or hide its own events.

/// Odd, with well mixed bits: the golden ratio's fraction.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of `text`, the same on every machine.
pub(crate) fn digest(text: &[u8]) -> u64 {
    // Four lanes, because a step waits for the one before it and the processor can take four at a time.
    let (blocks, rest) = text.as_chunks::<32>();
    let mut lanes = [1, 2, 3, 4];
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = mix(*lane, u64::from_le_bytes(*word));
        }
    }
    let joined = lanes.into_iter().fold(text.len() as u64, mix);
    let (words, rest) = rest.as_chunks::<8>();
    let mut tail = [0; 8];
    tail[..rest.len()].copy_from_slice(rest);
    let mixed = words.iter().fold(joined, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    mix(mix(mixed, u64::from_le_bytes(tail)), FACTOR)
}

/// Both halves of the product, so that every bit of the word reaches every bit of the hash within two steps.
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash.rotate_left(23) ^ word ^ FACTOR.rotate_left(32)) * u128::from(FACTOR);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_that_differ_a_little_have_different_digests() {
        let base = vec![b'a'; 100];
        let mut seen = HashSet::new();
        seen.insert(digest(&base));
        for at in 0..base.len() {
            for bit in 0..8 {
                let mut other = base.clone();
                other[at] ^= 1 << bit;
                assert!(seen.insert(digest(&other)), "byte {at}, bit {bit}");
            }
            assert!(seen.insert(digest(&base[..at])), "length {at}");
        }
        for length in 1..64 {
            assert!(seen.insert(digest(&vec![0; length])), "{length} zero bytes");
        }
    }

    #[test]
    fn numbered_frames_never_collide_in_a_million() {
        let seen: HashSet<u64> =
            (0..1_000_000).map(|n| digest(format!(r#"{{"type":"t","payload":{n}}}"#).as_bytes())).collect();
        assert_eq!(seen.len(), 1_000_000);
    }
}
