//! What waits to be written to one socket: nothing, a run that many sockets share, or bytes of its own.
//!
//! A connection that got one shared run in a tick writes it without a copy. Runs that follow each other on many
//! connections are joined once: the last join is remembered, and the next connection with the same two runs shares it.

use bytes::{Buf, Bytes};

/// Bytes on their way to one socket.
#[derive(Debug, Default)]
pub(crate) enum Pending {
    /// Nothing.
    #[default]
    Empty,
    /// The rest of a run that other sockets may share.
    Shared(Bytes),
    /// Bytes of this socket alone, and how many of them are gone out.
    Own(Vec<u8>, usize),
}

impl Pending {
    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// What waits.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Pending::Empty => &[],
            Pending::Shared(run) => run,
            Pending::Own(bytes, written) => &bytes[*written..],
        }
    }

    /// Removes the first `taken` bytes. An emptied buffer is freed: an idle connection holds none.
    pub(crate) fn advance(&mut self, taken: usize) {
        match self {
            Pending::Empty => debug_assert_eq!(taken, 0),
            Pending::Shared(run) => run.advance(taken),
            Pending::Own(_, written) => *written += taken,
        }
        if self.is_empty() {
            *self = Pending::Empty;
        }
    }

    /// Appends a run that other sockets get as well.
    pub(crate) fn push_shared(&mut self, run: &Bytes, joins: &mut Joins) {
        match self {
            Pending::Empty => *self = Pending::Shared(run.clone()),
            Pending::Shared(first) => *self = Pending::Shared(joins.join(first, run)),
            Pending::Own(bytes, _) => bytes.extend_from_slice(run),
        }
    }

    /// Lets `write` append bytes for this socket alone.
    pub(crate) fn push_own(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Pending::Own(bytes, _) = self {
            return write(bytes);
        }
        let mut bytes = self.as_slice().to_vec();
        write(&mut bytes);
        *self = Pending::Own(bytes, 0);
    }
}

/// The last join: `first` and `second` made `joined`.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    first: Bytes,
    second: Bytes,
    joined: Bytes,
}

impl Joins {
    /// `first` followed by `second`, made once for all who ask for the same two in a row.
    fn join(&mut self, first: &Bytes, second: &Bytes) -> Bytes {
        if !is_same(&self.first, first) || !is_same(&self.second, second) {
            let joined = [first.as_ref(), second.as_ref()].concat().into();
            *self = Joins { first: first.clone(), second: second.clone(), joined };
        }
        self.joined.clone()
    }

    /// Lets the remembered runs go; called at the end of a tick.
    pub(crate) fn forget(&mut self) {
        *self = Joins::default();
    }
}

/// The same bytes at the same place. Both sides are alive, so an address is not reused under them.
fn is_same(a: &Bytes, b: &Bytes) -> bool {
    a.as_ptr() == b.as_ptr() && a.len() == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shared_run_is_not_copied() {
        let run = Bytes::from(vec![1, 2, 3]);
        let mut pending = Pending::default();
        pending.push_shared(&run, &mut Joins::default());
        assert_eq!(pending.as_slice().as_ptr(), run.as_ptr());
    }

    #[test]
    fn two_sockets_with_the_same_runs_share_one_join() {
        let (a, b) = (Bytes::from(vec![1, 2]), Bytes::from(vec![3]));
        let mut joins = Joins::default();
        let mut both = [Pending::default(), Pending::default()];
        for pending in &mut both {
            pending.push_shared(&a, &mut joins);
        }
        for pending in &mut both {
            pending.push_shared(&b, &mut joins);
        }
        assert_eq!(both[0].as_slice(), [1, 2, 3]);
        assert_eq!(both[0].as_slice().as_ptr(), both[1].as_slice().as_ptr());
    }

    #[test]
    fn the_rest_of_a_partial_write_keeps_its_place_before_what_comes_later() {
        let run = Bytes::from(vec![1, 2, 3]);
        let mut pending = Pending::default();
        pending.push_shared(&run, &mut Joins::default());
        pending.advance(1);
        pending.push_own(|bytes| bytes.extend([4, 5]));
        pending.advance(3);
        pending.push_shared(&run, &mut Joins::default());
        assert_eq!(pending.as_slice(), [5, 1, 2, 3]);
        pending.advance(4);
        assert!(matches!(pending, Pending::Empty));
    }
}
