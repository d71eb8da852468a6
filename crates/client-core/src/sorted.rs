//! How the core keeps what it knows by name: sorted, in one piece of memory.
//!
//! A connection knows some hundred topics and conversations and looks them up by binary search. The standard map's tree would
//! be half of the core where the core is compiled small, and is no faster at this size: an insertion moves at most some
//! thousand entries of a few bytes.

use core::borrow::Borrow;
use core::cmp::Ordering;

/// Values by name, in the order of the names.
#[derive(Debug)]
pub(crate) struct Sorted<K, V> {
    entries: Vec<(K, V)>,
}

impl<K: Borrow<str>, V> Sorted<K, V> {
    pub(crate) fn new() -> Self {
        Sorted { entries: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        let index = self.place(name).ok()?;
        Some(&self.entries[index].1)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let index = self.place(name).ok()?;
        Some(&mut self.entries[index].1)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Puts `value` in place of what was there.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.place(key.borrow()) {
            Ok(index) => self.entries[index].1 = value,
            Err(index) => self.entries.insert(index, (key, value)),
        }
    }

    /// The value of `key`, which is `value` when there was none.
    pub(crate) fn get_or_insert(&mut self, key: K, value: V) -> &mut V {
        let index = match self.place(key.borrow()) {
            Ok(index) => index,
            Err(index) => {
                self.entries.insert(index, (key, value));
                index
            }
        };
        &mut self.entries[index].1
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<V> {
        let index = self.place(name).ok()?;
        Some(self.entries.remove(index).1)
    }

    pub(crate) fn remove_first(&mut self) {
        if !self.entries.is_empty() {
            self.entries.remove(0);
        }
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let mut index = 0;
        while let Some((key, value)) = self.entries.get_mut(index) {
            if keep(key, value) {
                index += 1;
            } else {
                self.entries.remove(index);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// Where `name` stands, or would stand.
    fn place(&self, name: &str) -> Result<usize, usize> {
        let (mut from, mut to) = (0, self.entries.len());
        while from < to {
            let middle = from.midpoint(to);
            match compare(self.entries[middle].0.borrow(), name) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => to = middle,
            }
        }
        Err(from)
    }
}

/// Apart, so that it is compiled once for all kinds of values.
fn compare(one: &str, other: &str) -> Ordering {
    one.cmp(other)
}

impl<K: Borrow<str>, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Sorted::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_order_of_insertion_names_come_sorted_and_once() {
        let mut sorted: Sorted<String, u32> = Sorted::new();
        for (name, value) in [("c", 1), ("a", 2), ("b", 3), ("a", 4)] {
            sorted.insert(name.into(), value);
        }
        *sorted.get_or_insert("b".into(), 0) += 10;
        *sorted.get_or_insert("d".into(), 0) += 10;
        assert_eq!(sorted.keys().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(sorted.values().copied().collect::<Vec<_>>(), [4, 13, 1, 10]);
        assert_eq!((sorted.get("b"), sorted.get("bb")), (Some(&13), None));
        assert_eq!(sorted.remove("c"), Some(1));
        sorted.retain(|_, value| *value == 4);
        assert_eq!((sorted.len(), sorted.contains("a"), sorted.contains("c")), (1, true, false));
    }
}
