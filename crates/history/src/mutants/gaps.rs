//! Spoilt gaps: kept quiet, too short, too long, invented, or with a cause that is not theirs.

use bowline_proto::{GapReason, Seq, Topic};

use super::plain::{self, Site};
use crate::dice::Dice;
use crate::generator::has_right;
use crate::history::{History, Seen};

/// A gap and what it really accounts for.
struct Loss {
    site: Site,
    topic: Topic,
    after: Seq,
    before: Seq,
    reason: GapReason,
    oldest: Seq,
    /// Events of the life that the reader is in, which it has a right to, and never gets.
    lost: Vec<Seq>,
}

/// A gap that somebody would miss: it is the only one for what it tells, and what comes later shows it.
fn needed(history: &History, dice: &mut Dice) -> Option<Loss> {
    let sites = plain::gaps(history);
    let site = *dice.pick(&sites)?;
    let Seen::Gap { topic, after, before, reason, oldest } = &history.readers[site.reader].items[site.item]
    else {
        return None;
    };
    let life = plain::life_at(history, site)?;
    let lost = plain::visible(&history.readers[site.reader], life, topic, *after, *before);
    let last = *lost.last()?;
    let is_alone = !plain::is_told_elsewhere(history, site, topic, &lost);
    let handed = plain::handed(history, site.reader, life.epoch, topic);
    let is_whole = lost.iter().all(|seq| !handed.contains(seq));
    if !is_alone || !is_whole || !plain::is_missed(history, site, life.epoch, topic, last) {
        return None;
    }
    let (topic, after, before, reason, oldest) = (topic.clone(), *after, *before, *reason, *oldest);
    Some(Loss { site, topic, after, before, reason, oldest, lost })
}

fn set_bounds(history: &mut History, site: Site, new_after: Seq, new_before: Seq) {
    if let Seen::Gap { after, before, .. } = &mut history.readers[site.reader].items[site.item] {
        (*after, *before) = (new_after, new_before);
    }
}

pub(super) fn drop_gap(history: &mut History, dice: &mut Dice) -> bool {
    let Some(loss) = needed(history, dice) else { return false };
    history.readers[loss.site.reader].items.remove(loss.site.item);
    true
}

pub(super) fn begin_late(history: &mut History, dice: &mut Dice) -> bool {
    let Some(loss) = needed(history, dice) else { return false };
    let Some(later) = dice.pick(&loss.lost).copied() else { return false };
    set_bounds(history, loss.site, later, loss.before.max(later.next()));
    true
}

pub(super) fn end_early(history: &mut History, dice: &mut Dice) -> bool {
    let Some(loss) = needed(history, dice) else { return false };
    let Some(earlier) = dice.pick(&loss.lost).copied() else { return false };
    set_bounds(history, loss.site, loss.after, earlier);
    true
}

/// Down over an event that had come.
pub(super) fn begin_early(history: &mut History, dice: &mut Dice) -> bool {
    let Some(loss) = needed(history, dice) else { return false };
    let Some(had) = had_before(history, &loss) else { return false };
    set_bounds(history, loss.site, had.previous(), loss.before);
    true
}

/// An event that the reader had in this life, above what both lives share and above its start, before the gap was told.
fn had_before(history: &History, loss: &Loss) -> Option<Seq> {
    let reader = &history.readers[loss.site.reader];
    let life = plain::life_at(history, loss.site)?;
    let base = plain::base(reader)?;
    let kept = plain::kept(reader);
    let earlier = kept.iter().take_while(|index| **index < loss.site.item);
    earlier
        .filter_map(|index| plain::event(&reader.items[*index]))
        .filter(|had| had.epoch == life.epoch && *had.topic == loss.topic)
        .map(|had| had.seq)
        .filter(|seq| *seq > life.shared && *seq > base)
        .max()
}

/// Up over an event that can be had.
pub(super) fn end_late(history: &mut History, dice: &mut Dice) -> bool {
    let Some(loss) = needed(history, dice) else { return false };
    let Some(life) = plain::life_at(history, loss.site) else { return false };
    let reader = &history.readers[loss.site.reader];
    let behind = plain::visible(reader, life, &loss.topic, loss.before.previous(), Seq::MAX);
    let damaged = history.truth.damaged();
    let there = behind.into_iter().find(|seq| *seq >= loss.oldest && !damaged.contains(seq));
    let Some(there) = there else { return false };
    set_bounds(history, loss.site, loss.after, there.next());
    true
}

/// Another topic's name on it: the loss of its own is unsaid.
pub(super) fn alter_topic(history: &mut History, dice: &mut Dice) -> bool {
    let Some(loss) = needed(history, dice) else { return false };
    let sites = plain::events(history);
    let Some(other) = dice.pick(&sites).copied() else { return false };
    let other = match &history.readers[other.reader].items[other.item] {
        Seen::Event { topic, .. } => topic.clone(),
        _ => return false,
    };
    if other == loss.topic {
        return false;
    }
    if let Seen::Gap { topic, .. } = &mut history.readers[loss.site.reader].items[loss.site.item] {
        *topic = other;
    }
    true
}

/// Every event that it covers was removed by retention, or every one was destroyed: another cause is a lie.
pub(super) fn alter_reason(history: &mut History, dice: &mut Dice) -> bool {
    let Some(loss) = needed(history, dice) else { return false };
    let damaged = history.truth.damaged();
    let is_touched = damaged.iter().any(|seq| loss.after < *seq && *seq < loss.before);
    let crosses = history.truth.lives().iter().any(|other| {
        other.shared < loss.before
            && loss.after < other.began_at
            && other.epoch != history.truth.lives()[0].epoch
    });
    let lies: &[GapReason] = match loss.reason {
        GapReason::Retention if !is_touched && !crosses => {
            &[GapReason::Storage, GapReason::Epoch, GapReason::Missing]
        }
        GapReason::Storage
            if loss.lost.iter().all(|seq| damaged.contains(seq) && *seq >= loss.oldest) && !crosses =>
        {
            &[GapReason::Retention, GapReason::Epoch, GapReason::Missing]
        }
        _ => &[GapReason::Missing],
    };
    let Some(lie) = dice.pick(lies).copied() else { return false };
    if let Seen::Gap { reason, .. } = &mut history.readers[loss.site.reader].items[loss.site.item] {
        *reason = lie;
    }
    true
}

/// In place of an event that was there to be had.
pub(super) fn gap_for_an_event(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let reason = any_reason(dice);
    let item = &mut history.readers[site.reader].items[site.item];
    let Some((topic, seq)) = plain::event(item).map(|handed| (handed.topic.clone(), handed.seq)) else {
        return false;
    };
    if history.truth.damaged().contains(&seq) {
        return false;
    }
    *item = Seen::Gap { topic, after: seq.previous(), before: seq.next(), reason, oldest: seq };
    true
}

/// Over an event that had just come.
pub(super) fn gap_over_an_event(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let reason = any_reason(dice);
    let Some(handed) = plain::event(&history.readers[site.reader].items[site.item]) else { return false };
    let is_new_here = plain::life(history, handed.epoch).is_some_and(|life| handed.seq > life.shared);
    let (topic, after, before) = (handed.topic.clone(), handed.seq.previous(), handed.seq.next());
    let gap = Seen::Gap { topic, after, before, reason, oldest: before };
    history.readers[site.reader].items.insert(site.item + 1, gap);
    is_new_here
}

/// Where nothing was lost, because there was nothing.
pub(super) fn gap_over_nothing(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let reader = &history.readers[site.reader];
    let Some(handed) = plain::event(&reader.items[site.item]) else { return false };
    let Some(life) = plain::life(history, handed.epoch) else { return false };
    let before = handed.seq.advanced_by(2 + dice.below(3));
    let is_empty = plain::visible(reader, life, handed.topic, handed.seq, before).is_empty();
    let topic = handed.topic.clone();
    let gap = Seen::Gap { topic, after: handed.seq, before, reason: GapReason::Retention, oldest: before };
    let is_new_here = handed.seq > life.shared;
    history.readers[site.reader].items.insert(site.item + 1, gap);
    is_empty && is_new_here
}

/// A loss with a life of the log that the reader is owed, kept quiet.
pub(super) fn drop_gap_of_an_epoch(history: &mut History, dice: &mut Dice) -> bool {
    let Some((site, _)) = loss_of_an_epoch(history, dice) else { return false };
    history.readers[site.reader].items.remove(site.item);
    true
}

/// The same, said to begin behind what was lost.
pub(super) fn begin_late_in_an_epoch(history: &mut History, dice: &mut Dice) -> bool {
    let Some((site, last)) = loss_of_an_epoch(history, dice) else { return false };
    if let Seen::Gap { after, .. } = &mut history.readers[site.reader].items[site.item] {
        *after = last;
    }
    true
}

/// The same, said to be the work of retention.
pub(super) fn blame_retention_for_an_epoch(history: &mut History, dice: &mut Dice) -> bool {
    let Some((site, _)) = loss_of_an_epoch(history, dice) else { return false };
    if let Seen::Gap { reason, .. } = &mut history.readers[site.reader].items[site.item] {
        *reason = GapReason::Retention;
    }
    true
}

/// A gap for what a reader had not had yet of the life before, though it had been further than what both lives share; and
/// the last event of it.
fn loss_of_an_epoch(history: &History, dice: &mut Dice) -> Option<(Site, Seq)> {
    let sites = plain::gaps(history);
    let site = *dice.pick(&sites)?;
    let reader = &history.readers[site.reader];
    let Seen::Gap { topic, after, before, reason: GapReason::Epoch, .. } = &reader.items[site.item] else {
        return None;
    };
    let now = plain::life_at(history, site)?;
    let number = history.truth.lives().iter().position(|life| life.epoch == now.epoch)?;
    let old = &history.truth.lives()[number.checked_sub(1)?];
    let kept = plain::kept(reader);
    let earlier = kept.iter().take_while(|index| **index < site.item).map(|index| &reader.items[*index]);
    let last = earlier.filter_map(plain::event).last()?;
    let is_ahead = last.epoch == old.epoch && last.seq > now.shared;
    let is_held = has_right(reader, &now.records, topic, now.shared);
    let handed = plain::handed(history, site.reader, old.epoch, topic);
    // What both lives share may have been handed out in the one before.
    let before_it = history.truth.lives()[..number - 1].iter().flat_map(|life| {
        plain::handed(history, site.reader, life.epoch, topic).into_iter().filter(|seq| *seq <= old.shared)
    });
    let handed = before_it.chain(handed).max().unwrap_or(Seq::ZERO);
    let passed = plain::base(reader)?.max(now.shared).max(handed);
    let lost = plain::visible(reader, old, topic, passed, Seq::MAX);
    let end = *lost.last()?;
    let is_alone = !plain::is_told_elsewhere(history, site, topic, &lost);
    let is_whole = lost.iter().all(|seq| after < seq && seq < before);
    (is_ahead && is_held && is_alone && is_whole && reader.must_be_caught_up).then_some((site, end))
}

fn any_reason(dice: &mut Dice) -> GapReason {
    let reasons = [GapReason::Retention, GapReason::Epoch, GapReason::Storage, GapReason::Missing];
    dice.pick(&reasons).copied().unwrap_or(GapReason::Missing)
}
