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
    pub(crate) seqs: Vec<Seq>,
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
        put_u32(out, count(self.seqs.len()));
        for &seq in &self.seqs {
            put_seq(out, seq);
        }
    }

    pub(crate) fn take(from: &mut Take<'_>) -> Option<Use> {
        let body = from.bytes(32)?.try_into().ok()?;
        let at = Timestamp(from.u64()?);
        let seqs = from.rows(8)?;
        let seqs = (0..seqs).map(|_| from.seq()).collect::<Option<_>>()?;
        Some(Use { body, at, seqs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> IdempotencyKey {
        IdempotencyKey { account: Account::new("a").unwrap(), key: name.into(), body: [0; 32] }
    }

    fn remember(keys: &mut Keys, name: &str, at: u64, max: usize) {
        let used = Use { body: [0; 32], at: Timestamp(at), seqs: vec![Seq::MAX] };
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
