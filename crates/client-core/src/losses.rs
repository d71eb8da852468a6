//! Which losses have been told to the application and may still be met: so that none is told twice, an event within one is
//! not taken for a hole, and none is delivered after it was called lost.

use bowline_proto::{Gap, Seq, Topic};

use crate::sorted::Sorted;

/// Most topics with losses that are remembered, and most losses of one topic. Forgetting one costs at most one needless
/// resume or a loss told twice. Rights that come and go leave a loss each: an accept lists up to 100, of one topic if need be.
const MOST_TOPICS: usize = 4096;
const MOST_OF_A_TOPIC: usize = 128;

/// By topic, what was told and lies above the cursor, by where it begins.
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
            .map(|loss| loss.before.previous())
            .filter(|last| *last < seq)
            .max()
            .unwrap_or_default()
    }

    /// Cuts out of `gap` what does not lie behind `passed` or has been told, and notes the rest: nothing, or one piece, or
    /// one on each side of what was told within it, in order.
    pub(crate) fn tell(&mut self, mut gap: Gap, passed: Seq) -> Vec<Gap> {
        let mut news = Vec::new();
        gap.after = gap.after.max(passed);
        let whole = Loss { after: gap.after, before: gap.before };
        for loss in self.of(&gap.topic) {
            let end = loss.after.next().min(gap.before);
            if gap.after.next() < end {
                news.push(Gap { before: end, ..gap.clone() });
            }
            gap.after = gap.after.max(loss.before.previous());
        }
        if gap.after.next() < gap.before {
            news.push(gap);
        }
        if let Some(told) = news.first() {
            self.note(&told.topic, whole, passed);
        }
        news
    }

    /// Another log: nothing told of the old one says anything about it.
    pub(crate) fn forget_all(&mut self) {
        self.told.clear();
    }

    fn note(&mut self, topic: &Topic, whole: Loss, passed: Seq) {
        if self.told.len() >= MOST_TOPICS {
            self.told.retain(|_, losses| losses.iter().any(|loss| loss.before > passed));
            if self.told.len() >= MOST_TOPICS {
                self.told.remove_first();
            }
        }
        let losses = self.told.get_or_insert(topic.clone(), Vec::new());
        losses.retain(|loss| {
            loss.before > passed && !(whole.after <= loss.after && loss.before <= whole.before)
        });
        if losses.len() >= MOST_OF_A_TOPIC {
            losses.remove(0);
        }
        let place = losses.iter().position(|loss| loss.after > whole.after).unwrap_or(losses.len());
        losses.insert(place, whole);
    }

    fn of(&self, topic: &Topic) -> &[Loss] {
        if self.told.is_empty() {
            return &[];
        }
        self.told.get(topic.as_str()).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use bowline_proto::GapReason;

    use super::*;

    fn told(losses: &mut Losses, after: u64, before: u64, passed: u64) -> Vec<(u64, u64)> {
        let seq = |n| Seq::new(n).unwrap();
        let topic = Topic::new("conv:c").unwrap();
        let gap = Gap { topic, after: seq(after), before: seq(before), reason: GapReason::Retention };
        losses.tell(gap, seq(passed)).iter().map(|gap| (gap.after.get(), gap.before.get())).collect()
    }

    #[test]
    fn as_many_losses_of_one_topic_as_an_accept_lists_are_told_once() {
        let mut losses = Losses::default();
        for is_news in [true, false] {
            for n in 0..100 {
                let (after, before) = (10 * n, 10 * n + 5);
                assert_eq!(!told(&mut losses, after, before, 0).is_empty(), is_news, "{after}..{before}");
            }
        }
    }

    #[test]
    fn what_was_told_or_passed_is_cut_off() {
        let mut losses = Losses::default();
        for (after, before, passed, expected) in [
            (5, 10, 0, &[(5, 10)][..]),
            (5, 10, 0, &[]),
            (4, 9, 0, &[(4, 6)]),
            (5, 12, 0, &[(9, 12)]),
            (20, 30, 24, &[(24, 30)]),
            (12, 26, 24, &[]),
            (29, 31, 24, &[(29, 31)]),
            (30, 31, 24, &[]),
            (40, 50, 49, &[]),
            (60, 65, 49, &[(60, 65)]),
            (55, 58, 49, &[(55, 58)]),
            (50, 70, 49, &[(50, 56), (57, 61), (64, 70)]),
            (51, 72, 49, &[(69, 72)]),
        ] {
            assert_eq!(told(&mut losses, after, before, passed), expected, "{after}..{before} from {passed}");
        }
    }
}
