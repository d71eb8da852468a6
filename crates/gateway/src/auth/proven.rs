//! Which signatures need not be computed again.
//!
//! An RS256 signature costs 165 µs to check and an Ed25519 one 35 µs, most of what a new socket costs; a client that
//! reconnects shows the token that it showed before. Only the signature's verdict is remembered, by the SHA-256 of the whole
//! token: times, audience and issuer are asked every time.

use core::{fmt, mem};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// How many tokens a generation holds: two of them are at most 10,000 tokens in about half a MiB.
const GENERATION: usize = 5000;

/// Tokens whose signature has been found good. Bounded: when the young generation is full it becomes the old one, and the
/// old one is forgotten. Forgetting costs time, never a verdict.
#[derive(Default)]
pub(crate) struct Proven {
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proven(…)")
    }
}

impl Proven {
    /// Whether this very token has been found good. Moves it to the young generation.
    pub(crate) fn holds(&self, token: &str) -> bool {
        let digest = Sha256::digest(token).into();
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.contains(&digest) {
            return true;
        }
        let was_old = generations.old.remove(&digest);
        if was_old {
            generations.add(digest);
        }
        was_old
    }

    /// Remembers a token whose signature is good.
    pub(crate) fn add(&self, token: &str) {
        let digest = Sha256::digest(token).into();
        self.generations.lock().unwrap_or_else(PoisonError::into_inner).add(digest);
    }
}

impl Generations {
    fn add(&mut self, digest: [u8; 32]) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_use_is_kept_while_others_are_forgotten() {
        let proven = Proven::default();
        proven.add("in use");
        proven.add("not in use");
        for n in 0..3 * GENERATION {
            proven.add(&n.to_string());
            if n % 1000 == 0 {
                assert!(proven.holds("in use"));
            }
        }
        assert!(!proven.holds("not in use"));
        assert!(!proven.holds("never seen"));
        let generations = proven.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }
}
