//! Spoilt positions: one that goes back, one that is ahead of what was handed out, one that is not what was saved.

use bowline_proto::{Cursor, Epoch, Seq};

use super::plain;
use crate::dice::Dice;
use crate::history::{History, Seen};

pub(super) fn go_back(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let Some(handed) = plain::event(&history.readers[site.reader].items[site.item]) else { return false };
    let back = Seq::new(dice.below(handed.seq.get())).unwrap_or(Seq::ZERO);
    let cursor = Cursor { epoch: handed.epoch, seq: back };
    history.readers[site.reader].items.insert(site.item + 1, Seen::Moved { cursor });
    true
}

/// The position of an event before the application has it.
pub(super) fn go_ahead(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let Some(handed) = plain::event(&history.readers[site.reader].items[site.item]) else { return false };
    let cursor = Cursor { epoch: handed.epoch, seq: handed.seq };
    history.readers[site.reader].items.insert(site.item, Seen::Moved { cursor });
    true
}

pub(super) fn save_another(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::sites(history, |_, _, item| matches!(item, Seen::Saved { cursor: Some(_) }));
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let other = another(dice);
    match &mut history.readers[site.reader].items[site.item] {
        Seen::Saved { cursor: Some(cursor) } => *cursor = other(*cursor),
        _ => return false,
    }
    true
}

pub(super) fn restart_elsewhere(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::sites(history, |_, _, item| matches!(item, Seen::Restarted { from: Some(_) }));
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let other = another(dice);
    match &mut history.readers[site.reader].items[site.item] {
        Seen::Restarted { from: Some(cursor) } => *cursor = other(*cursor),
        _ => return false,
    }
    true
}

/// A change that makes any cursor another one.
fn another(dice: &mut Dice) -> impl Fn(Cursor) -> Cursor + use<> {
    let (by, strange) = (1 + dice.below(9), dice.percent(20));
    move |cursor| {
        if strange {
            Cursor { epoch: Epoch::from_bits(cursor.epoch.bits() ^ by), ..cursor }
        } else {
            Cursor { seq: cursor.seq.advanced_by(by), ..cursor }
        }
    }
}

/// A fresh reader that starts behind an event which was published after it had started.
pub(super) fn start_late(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::sites(history, |_, _, item| matches!(item, Seen::Based { from_oldest: false, .. }));
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let Seen::Based { epoch, moment, .. } = history.readers[site.reader].items[site.item] else {
        return false;
    };
    let Some(life) = plain::life(history, epoch) else { return false };
    let later: Vec<Seq> = history
        .publishes
        .values()
        .filter(|publish| publish.began > moment)
        .filter_map(|publish| {
            let place = *publish.answers.first()?.first()?;
            let record = life.records.get(&place)?;
            plain::is_of(record, publish.entries.first()?).then_some(place)
        })
        .filter(|place| *place > life.shared)
        .collect();
    let Some(place) = dice.pick(&later).copied() else { return false };
    if let Seen::Based { seq, .. } = &mut history.readers[site.reader].items[site.item] {
        *seq = place;
    }
    true
}

/// A start said to lie before events that never came.
pub(super) fn start_early(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::sites(history, |_, _, item| matches!(item, Seen::Based { from_oldest: false, .. }));
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let reader = &history.readers[site.reader];
    let Seen::Based { epoch, seq, .. } = &reader.items[site.item] else { return false };
    let (Some(life), base) = (plain::life(history, *epoch), *seq) else { return false };
    let Some(last) = history.truth.lives().last().filter(|last| last.epoch == life.epoch) else {
        return false;
    };
    let topics: Vec<_> = plain::events(history)
        .into_iter()
        .filter(|other| other.reader == site.reader && other.item > site.item)
        .filter_map(|other| plain::event(&reader.items[other.item]).map(|handed| handed.topic.clone()))
        .collect();
    let Some(topic) = dice.pick(&topics) else { return false };
    let missed = plain::visible(reader, last, topic, Seq::ZERO, base.next());
    let Some(missed) = dice.pick(&missed).copied() else { return false };
    if plain::is_told_elsewhere(history, site, topic, &[missed]) {
        return false;
    }
    if let Seen::Based { seq, .. } = &mut history.readers[site.reader].items[site.item] {
        *seq = missed.previous();
    }
    true
}
