//! Which histories the log has had, and from where a reader of one of them goes on.

use bowline_proto::{Epoch, Seq};

use crate::codec::{Take, count, put_seq, put_u32, put_u64};
use crate::reader::before;

/// A new epoch starts this far above everything that may have been handed out. How much was handed out is known up to
/// what the kernel had not written back: half a minute at half a million records a second. 2^27 epochs fit below 2^53.
pub(crate) const EPOCH_JUMP: u64 = 1 << 26;

/// Readers of older epochs than this many start over.
const MAX_ERAS: usize = 1000;

/// One incarnation of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Era {
    /// Its identity.
    pub(crate) epoch: Epoch,
    /// The last position before it that it shares with the era before.
    pub(crate) shared: Seq,
    /// Its first position.
    pub(crate) first: Seq,
    /// Records between `shared` and `first` that had been acknowledged may be lost.
    pub(crate) is_lossy: bool,
}

/// All incarnations, oldest first; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epochs(Vec<Era>);

/// Where a reader goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Where it was.
    Intact,
    /// At `from`, which its history shares; what it knows or missed between `from` and `before` may be lost.
    Diverged { from: Seq, before: Seq },
    /// At the oldest: nothing is known of its history.
    Unknown,
}

impl Epochs {
    pub(crate) fn new(epoch: Epoch, first: Seq) -> Self {
        Epochs(vec![Era { epoch, shared: Seq::ZERO, first, is_lossy: false }])
    }

    pub(crate) fn current(&self) -> Era {
        *self.0.last().expect("there is always an era")
    }

    /// Starts an era, under another name where the given one has been used.
    pub(crate) fn start(&mut self, mut era: Era) {
        while self.0.iter().any(|past| past.epoch == era.epoch) {
            era.epoch = Epoch::from_bits(era.epoch.bits().wrapping_add(1));
        }
        self.0.push(era);
        if self.0.len() > MAX_ERAS {
            self.0.remove(0);
        }
    }

    /// Where a reader goes on that is at `after` of `epoch`, when the log's head is `head`.
    pub(crate) fn origin(&self, epoch: Epoch, after: Seq, head: Seq) -> Origin {
        let Some(known) = self.0.iter().position(|era| era.epoch == epoch) else {
            return if after == Seq::ZERO { Origin::Intact } else { Origin::Unknown };
        };
        match self.0.get(known + 1) {
            Some(next) if after > next.shared => Origin::Diverged { from: next.shared, before: next.first },
            None if after > head => Origin::Diverged { from: head, before: head.next() },
            Some(_) | None => Origin::Intact,
        }
    }

    /// The eras before whose start acknowledged records may be lost, for a reader that is at `after`.
    pub(crate) fn losses_after(&self, after: Seq) -> impl Iterator<Item = &Era> {
        self.0.iter().filter(move |era| era.is_lossy && era.first > after.next())
    }

    /// The last position before `seq` that was ever given: an era starts far above the one before, and may give none.
    pub(crate) fn given_before(&self, seq: Seq) -> Seq {
        let mut last = before(seq);
        for era in self.0.iter().rev() {
            if era.first == last.next() {
                last = era.shared;
            }
        }
        last
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_u32(out, count(self.0.len()));
        for era in &self.0 {
            put_u64(out, era.epoch.bits());
            put_seq(out, era.shared);
            put_seq(out, era.first);
            out.push(u8::from(era.is_lossy));
        }
    }

    pub(crate) fn take(from: &mut Take<'_>) -> Option<Epochs> {
        let rows = from.rows(25)?;
        let eras: Vec<Era> = (0..rows)
            .map(|_| {
                Some(Era {
                    epoch: Epoch::from_bits(from.u64()?),
                    shared: from.seq()?,
                    first: from.seq()?,
                    is_lossy: from.u8()? != 0,
                })
            })
            .collect::<Option<_>>()?;
        (!eras.is_empty()).then_some(Epochs(eras))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_goes_on_from_what_both_histories_share() {
        let seq = |n| Seq::new(n).unwrap();
        let [one, two, strange] = [1, 2, 3].map(Epoch::from_bits);
        let mut epochs = Epochs::new(one, seq(1));
        epochs.start(Era { epoch: two, shared: seq(10), first: seq(100), is_lossy: true });
        let back = |from, before| Origin::Diverged { from: seq(from), before: seq(before) };
        for (epoch, after, expected) in [
            (one, 0, Origin::Intact),
            (one, 10, Origin::Intact),
            (one, 11, back(10, 100)),
            (one, 500, back(10, 100)),
            (two, 3, Origin::Intact),
            (two, 120, Origin::Intact),
            (two, 121, back(120, 121)),
            (strange, 0, Origin::Intact),
            (strange, 1, Origin::Unknown),
        ] {
            assert_eq!(epochs.origin(epoch, seq(after), seq(120)), expected, "{epoch} {after}");
        }
    }

    #[test]
    fn the_last_position_given_before_an_era_is_an_earlier_ones_where_those_between_gave_none() {
        let seq = |n| Seq::new(n).unwrap();
        let mut epochs = Epochs::new(Epoch::from_bits(1), seq(1));
        for (bits, shared, first) in [(2, 73, 1_000), (3, 999, 2_000), (4, 1_999, 3_000), (5, 3_004, 4_000)] {
            let epoch = Epoch::from_bits(bits);
            epochs.start(Era { epoch, shared: seq(shared), first: seq(first), is_lossy: true });
        }
        for (before, expected) in [(74, 73), (1_000, 73), (3_000, 73), (3_001, 3_000), (4_000, 3_004), (1, 0)]
        {
            assert_eq!(epochs.given_before(seq(before)), seq(expected), "before {before}");
        }
    }
}
