//! How bytes become choices: the same bytes always choose the same, and every byte chooses something.
//!
//! A fuzzer that changes one byte changes one choice, so what it has found so far stays. Behind the last byte every
//! choice is the first one; whoever chooses in a loop ends it with [`Choices::are_used_up`].

/// Choices read off the front of some bytes.
#[derive(Clone, Debug)]
pub(crate) struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Choices { rest: bytes }
    }

    /// Nothing is left to choose by.
    pub(crate) fn are_used_up(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// A number below `end`, of as many bytes as that takes.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let bytes = end.saturating_sub(1).checked_ilog2().map_or(1, |log| log / 8 + 1);
        (0..bytes).fold(0, |sum, _| sum << 8 | u64::from(self.byte())) % end.max(1)
    }

    /// [`Choices::below`] for places.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True in `times` of 256 cases; false behind the last byte.
    pub(crate) fn sometimes(&mut self, times: u8) -> bool {
        !self.are_used_up() && self.byte() < times
    }

    pub(crate) fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())].clone()
    }

    /// The next bytes as they are, at most `length`.
    pub(crate) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// All that is left, as it is.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.bytes(usize::MAX)
    }
}
