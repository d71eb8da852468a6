//! Which losses have been told to the application and may still be met: so that none is told twice, an event within one is
//! not taken for a hole, and none is delivered after it was called lost.

use bowline_proto::{Gap, Seq, Topic};

use crate::sorted::Sorted;

/// Most topics with losses that are remembered, and most losses of one topic. Forgetting one costs at most one needless
/// resume or a loss told twice.
const MOST_TOPICS: usize = 4096;
const MOST_OF_A_TOPIC: usize = 16;

/// By topic, what was told and lies above the cursor.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    told: Sorted<Topic, Vec<Loss>>,
}

/// Everything with `after < seq < before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Loss {
    after: Seq,
    before: Seq,
}

impl Losses {
    /// `seq` of `topic` has been called lost.
    pub(crate) fn covers(&self, topic: &Topic, seq: Seq) -> bool {
        self.of(topic).iter().any(|loss| loss.after < seq && seq < loss.before)
    }

    /// The last position below `seq` that has been called lost, or zero.
    pub(crate) fn last_below(&self, topic: &Topic, seq: Seq) -> Seq {
        self.of(topic)
            .iter()
            .map(|loss| previous(loss.before))
            .filter(|last| *last < seq)
            .max()
            .unwrap_or_default()
    }

    /// Cuts `gap` down to what lies behind `passed` and has not been told, and notes it. `None` when nothing is left.
    pub(crate) fn tell(&mut self, mut gap: Gap, passed: Seq) -> Option<Gap> {
        gap.after = gap.after.max(passed);
        let told = self.of(&gap.topic);
        let covers_front =
            |gap: &Gap, loss: &Loss| loss.after <= gap.after && gap.after < previous(loss.before);
        while let Some(loss) = told.iter().find(|loss| covers_front(&gap, loss)) {
            gap.after = previous(loss.before);
        }
        let covers_back = |gap: &Gap, loss: &Loss| {
            loss.before >= gap.before && loss.after.next().max(gap.after.next()) < gap.before
        };
        while let Some(loss) = told.iter().find(|loss| covers_back(&gap, loss)) {
            gap.before = loss.after.next().max(gap.after.next());
        }
        if gap.before <= gap.after.next() {
            return None;
        }
        self.note(&gap, passed);
        Some(gap)
    }

    /// Another log: nothing told of the old one says anything about it.
    pub(crate) fn forget_all(&mut self) {
        self.told.clear();
    }

    fn note(&mut self, gap: &Gap, passed: Seq) {
        if self.told.len() >= MOST_TOPICS {
            self.told.retain(|_, losses| losses.iter().any(|loss| loss.before > passed));
            if self.told.len() >= MOST_TOPICS {
                self.told.remove_first();
            }
        }
        let losses = self.told.get_or_insert(gap.topic.clone(), Vec::new());
        losses.retain(|loss| loss.before > passed);
        if losses.len() >= MOST_OF_A_TOPIC {
            losses.remove(0);
        }
        losses.push(Loss { after: gap.after, before: gap.before });
    }

    fn of(&self, topic: &Topic) -> &[Loss] {
        if self.told.is_empty() {
            return &[];
        }
        self.told.get(topic.as_str()).map_or(&[], Vec::as_slice)
    }
}

/// The position before `seq`.
pub(crate) fn previous(seq: Seq) -> Seq {
    Seq::new(seq.get().saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bowline_proto::GapReason;

    use super::*;

    fn told(losses: &mut Losses, after: u64, before: u64, passed: u64) -> Option<(u64, u64)> {
        let seq = |n| Seq::new(n).unwrap();
        let topic = Topic::new("conv:c").unwrap();
        let gap = Gap { topic, after: seq(after), before: seq(before), reason: GapReason::Retention };
        losses.tell(gap, seq(passed)).map(|gap| (gap.after.get(), gap.before.get()))
    }

    #[test]
    fn what_was_told_or_passed_is_cut_off() {
        let mut losses = Losses::default();
        for (after, before, passed, expected) in [
            (5, 10, 0, Some((5, 10))),
            (5, 10, 0, None),
            (4, 9, 0, Some((4, 6))),
            (5, 12, 0, Some((9, 12))),
            (20, 30, 24, Some((24, 30))),
            (12, 26, 24, None),
            (29, 31, 24, Some((29, 31))),
            (30, 31, 24, None),
            (40, 50, 49, None),
        ] {
            assert_eq!(told(&mut losses, after, before, passed), expected, "{after}..{before} from {passed}");
        }
    }
}
