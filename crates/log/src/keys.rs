//! Which idempotency keys are remembered: each for 24 h, the oldest forgotten first when there are too many.

use std::collections::{HashMap, VecDeque};

use bowline_proto::{Account, Seq, Timestamp};

use crate::codec::{Take, count, put_seq, put_text, put_u32, put_u64};
use crate::store::IdempotencyKey;

/// How long a key is remembered, in milliseconds (wire protocol, section 2).
pub(crate) const KEY_LIFETIME_MS: u64 = 24 * 3600 * 1000;

/// What a key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    /// SHA-256 of the body.
    pub(crate) body: [u8; 32],
    /// When.
    pub(crate) at: Timestamp,
    /// The places that the batch got.
    pub(crate) places: Runs,
}

/// Places of a batch's entries as runs of consecutive ones: a batch of a thousand events is one run. As many keys are
/// remembered as fit, and each is written into every new segment: a list would be several KiB a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runs(Box<[(Seq, u32)]>);

/// Most places of one batch that are believed: a lying file must not make us list more. No batch is as large: its records
/// would not fit into a segment.
const MOST_PLACES: u64 = 1 << 24;

impl Runs {
    pub(crate) fn new(seqs: &[Seq]) -> Self {
        let mut runs: Vec<(Seq, u32)> = Vec::new();
        for &seq in seqs {
            match runs.last_mut() {
                Some((first, length)) if seq == first.advanced_by((*length).into()) => *length += 1,
                Some(_) | None => runs.push((seq, 1)),
            }
        }
        Runs(runs.into())
    }

    pub(crate) fn seqs(&self) -> Vec<Seq> {
        let runs = self.0.iter();
        runs.flat_map(|&(first, length)| (0..u64::from(length)).map(move |n| first.advanced_by(n))).collect()
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_u32(out, count(self.0.len()));
        for &(first, length) in &self.0 {
            put_seq(out, first);
            put_u32(out, length);
        }
    }

    fn take(from: &mut Take<'_>) -> Option<Runs> {
        let rows = from.rows(12)?;
        let runs: Box<[(Seq, u32)]> =
            (0..rows).map(|_| Some((from.seq()?, from.u32()?))).collect::<Option<_>>()?;
        let places: u64 = runs.iter().map(|&(_, length)| u64::from(length)).sum();
        (places <= MOST_PLACES).then_some(Runs(runs))
    }
}

/// The remembered keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    /// By account, then by key.
    uses: HashMap<(Account, String), Use>,
    /// Oldest first; a row whose time is not that of its use is out of date.
    order: VecDeque<(Timestamp, (Account, String))>,
}

impl Keys {
    /// What `key` was used for, if that is not forgotten at `now`.
    pub(crate) fn find(&self, key: &IdempotencyKey, now: Timestamp) -> Option<&Use> {
        let found = self.uses.get(&(key.account.clone(), key.key.clone()))?;
        (now.0.saturating_sub(found.at.0) < KEY_LIFETIME_MS).then_some(found)
    }

    /// Remembers a use, and forgets those that are too old at its time or above `max`.
    pub(crate) fn remember(&mut self, account: Account, key: String, used: Use, max: usize) {
        let (now, name) = (used.at, (account, key));
        self.order.push_back((now, name.clone()));
        self.uses.insert(name, used);
        while let Some((at, name)) = self.order.front() {
            let is_current = self.uses.get(name).is_some_and(|used| used.at == *at);
            let is_old = now.0.saturating_sub(at.0) >= KEY_LIFETIME_MS;
            if is_current && !is_old && self.uses.len() <= max.max(1) {
                break;
            }
            if is_current {
                self.uses.remove(name);
            }
            self.order.pop_front();
        }
    }

    /// Writes the keys that are not forgotten at `now`, oldest first.
    pub(crate) fn put(&self, out: &mut Vec<u8>, now: Timestamp) {
        let start = out.len();
        put_u32(out, 0);
        let mut rows = 0;
        for (at, name) in &self.order {
            let Some(used) = self.uses.get(name) else { continue };
            if used.at != *at || now.0.saturating_sub(at.0) >= KEY_LIFETIME_MS {
                continue;
            }
            put_text(out, name.0.as_str());
            put_text(out, &name.1);
            used.put(out);
            rows += 1;
        }
        out[start..start + 4].copy_from_slice(&count(rows).to_le_bytes());
    }

    pub(crate) fn take(from: &mut Take<'_>, max: usize) -> Option<Keys> {
        let mut keys = Keys::default();
        for _ in 0..from.rows(46)? {
            let (account, key) = (from.account()?, from.text()?.to_owned());
            keys.remember(account, key, Use::take(from)?, max);
        }
        Some(keys)
    }
}

impl Use {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.body);
        put_u64(out, self.at.0);
        self.places.put(out);
    }

    pub(crate) fn take(from: &mut Take<'_>) -> Option<Use> {
        let body = from.bytes(32)?.try_into().ok()?;
        let at = Timestamp(from.u64()?);
        Some(Use { body, at, places: Runs::take(from)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> IdempotencyKey {
        IdempotencyKey { account: Account::new("a").unwrap(), key: name.into(), body: [0; 32] }
    }

    fn remember(keys: &mut Keys, name: &str, at: u64, max: usize) {
        let used = Use { body: [0; 32], at: Timestamp(at), places: Runs::new(&[Seq::MAX]) };
        keys.remember(Account::new("a").unwrap(), name.into(), used, max);
    }

    #[test]
    fn a_key_is_forgotten_after_a_day() {
        let mut keys = Keys::default();
        remember(&mut keys, "k", 5, 10);
        assert!(keys.find(&key("k"), Timestamp(5 + KEY_LIFETIME_MS - 1)).is_some());
        assert!(keys.find(&key("k"), Timestamp(5 + KEY_LIFETIME_MS)).is_none());
        remember(&mut keys, "other", 5 + KEY_LIFETIME_MS, 10);
        assert_eq!(keys.uses.len(), 1);
        assert_eq!(keys.order.len(), 1);
    }

    #[test]
    fn above_the_bound_the_oldest_is_forgotten() {
        let mut keys = Keys::default();
        for (at, name) in [(1, "a"), (2, "b"), (3, "c")] {
            remember(&mut keys, name, at, 2);
        }
        assert!(keys.find(&key("a"), Timestamp(3)).is_none());
        assert!(keys.find(&key("b"), Timestamp(3)).is_some());
        assert!(keys.find(&key("c"), Timestamp(3)).is_some());
    }

    #[test]
    fn the_places_of_a_large_batch_are_written_in_a_few_bytes_and_read_as_they_were() {
        let seqs = |numbers: &[u64]| numbers.iter().map(|&n| Seq::new(n).unwrap()).collect::<Vec<_>>();
        let many: Vec<u64> = (7..1007).collect();
        let cases = [&[][..], &[7], &[7, 7, 7], &[7, 8, 8, 9, 3], &many, &[u64::MAX >> 11, u64::MAX >> 11]];
        for case in cases.map(seqs) {
            let runs = Runs::new(&case);
            assert_eq!(runs.seqs(), case);
            let mut out = Vec::new();
            runs.put(&mut out);
            assert!(out.len() <= 4 + 12 * 5, "{} bytes", out.len());
            assert_eq!(Runs::take(&mut Take(&out)), Some(runs));
        }
        let mut lie = Vec::new();
        Runs([(Seq::ZERO, 1 << 24), (Seq::ZERO, 1)].into()).put(&mut lie);
        assert_eq!(Runs::take(&mut Take(&lie)), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut keys = Keys::default();
        remember(&mut keys, "a", 1, 9);
        remember(&mut keys, "b", 2, 9);
        let mut out = Vec::new();
        keys.put(&mut out, Timestamp(2));
        let read = Keys::take(&mut Take(&out), 9).unwrap();
        assert_eq!(read.uses, keys.uses);
        assert_eq!(read.order, keys.order);
    }
}
