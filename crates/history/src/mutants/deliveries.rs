//! Spoilt deliveries: an event lost, doubled, out of place, altered, or handed to whom it is not for.

use bowline_proto::{Epoch, Record, Seq, Topic};

use super::plain::{self, Site};
use crate::dice::Dice;
use crate::digest::Digest;
use crate::generator::has_right;
use crate::history::{History, Seen};

pub(super) fn drop_event(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let item = &history.readers[site.reader].items[site.item];
    let Some(handed) = plain::event(item) else { return false };
    // A position that moved on without the event is noticed as well, but here the tiling itself must be.
    if !plain::is_missed(history, site, handed.epoch, handed.topic, handed.seq)
        || plain::is_told_elsewhere(history, site, handed.topic, &[handed.seq])
    {
        return false;
    }
    history.readers[site.reader].items.remove(site.item);
    true
}

/// The newest event of a topic: no later one gives its loss away.
pub(super) fn drop_last_event(history: &mut History, dice: &mut Dice) -> bool {
    let Some(life) = history.truth.lives().last() else { return false };
    let mut sites = plain::events(history);
    sites.retain(|site| {
        let reader = &history.readers[site.reader];
        let Some(handed) = plain::event(&reader.items[site.item]) else { return false };
        let newest = plain::visible(reader, life, handed.topic, Seq::ZERO, Seq::MAX).last().copied();
        reader.must_be_caught_up && handed.epoch == life.epoch && newest == Some(handed.seq)
    });
    let Some(site) = dice.pick(&sites).copied() else { return false };
    history.readers[site.reader].items.remove(site.item);
    true
}

pub(super) fn double_event(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let room = plain::stretch(history, site) - site.item;
    let later = site.item + 1 + dice.index(room);
    let items = &mut history.readers[site.reader].items;
    items.insert(later, items[site.item].clone());
    true
}

/// Handed out once more by the process that had saved behind it.
pub(super) fn double_event_after_a_restart(history: &mut History, dice: &mut Dice) -> bool {
    let mut sites = Vec::new();
    for (number, reader) in history.readers.iter().enumerate() {
        for (index, pair) in reader.items.windows(2).enumerate() {
            if let [Seen::Event { .. }, Seen::Saved { .. }] = pair {
                sites.push(Site { reader: number, item: index });
            }
        }
    }
    let base_of = |site: &Site| plain::base(&history.readers[site.reader]).unwrap_or(Seq::MAX);
    sites.retain(|site| {
        let handed = plain::event(&history.readers[site.reader].items[site.item]);
        handed.is_some_and(|handed| {
            handed.seq > base_of(site) && !history.readers[site.reader].asked.contains(handed.topic)
        })
    });
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let items = &mut history.readers[site.reader].items;
    let again = items[site.item].clone();
    items.insert(site.item + 2, again);
    items.insert(site.item + 2, Seen::Restarted { from: None });
    true
}

pub(super) fn swap_events_of_a_topic(history: &mut History, dice: &mut Dice) -> bool {
    swap(history, dice, |one, other| one == other)
}

pub(super) fn swap_events_of_two_topics(history: &mut History, dice: &mut Dice) -> bool {
    swap(history, dice, |one, other| one != other)
}

fn swap(history: &mut History, dice: &mut Dice, fits: impl Fn(&Topic, &Topic) -> bool) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let end = plain::stretch(history, site);
    let items = &mut history.readers[site.reader].items;
    let Some(first) = plain::event(&items[site.item]) else { return false };
    let second = (site.item + 1..end)
        .find(|index| plain::event(&items[*index]).is_some_and(|other| fits(first.topic, other.topic)));
    let Some(second) = second else { return false };
    items.swap(site.item, second);
    true
}

pub(super) fn alter_text(history: &mut History, dice: &mut Dice) -> bool {
    // Also of what was forgotten: it was in somebody's hands.
    let mut sites = Vec::new();
    for (number, reader) in history.readers.iter().enumerate() {
        let events = reader.items.iter().enumerate().filter(|(_, item)| plain::event(item).is_some());
        sites.extend(events.map(|(item, _)| Site { reader: number, item }));
    }
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let Seen::Event { text, .. } = &mut history.readers[site.reader].items[site.item] else { return false };
    *text = Digest::from_bits(text.bits() ^ (1 << dice.below(64)));
    true
}

/// The text of another event of the same topic.
pub(super) fn swap_texts(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let (Some(one), Some(other)) = (dice.pick(&sites).copied(), dice.pick(&sites).copied()) else {
        return false;
    };
    let taken = match &history.readers[other.reader].items[other.item] {
        Seen::Event { text, .. } => *text,
        _ => return false,
    };
    let Seen::Event { text, .. } = &mut history.readers[one.reader].items[one.item] else { return false };
    std::mem::replace(text, taken) != taken
}

/// To a position where the log has nothing of the topic.
pub(super) fn alter_seq(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let Some(handed) = plain::event(&history.readers[site.reader].items[site.item]) else { return false };
    let Some(life) = plain::life(history, handed.epoch) else { return false };
    let wrong = handed.seq.advanced_by(1 + dice.below(5));
    let is_of_topic =
        matches!(life.records.get(&wrong), Some(Record::Event(event)) if event.topic == *handed.topic);
    let Seen::Event { seq, .. } = &mut history.readers[site.reader].items[site.item] else { return false };
    *seq = wrong;
    !is_of_topic
}

/// To the position of another event of the topic.
pub(super) fn alter_seq_to_another_event(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let reader = &history.readers[site.reader];
    let Some(handed) = plain::event(&reader.items[site.item]) else { return false };
    let Some(life) = plain::life(history, handed.epoch) else { return false };
    let others = plain::visible(reader, life, handed.topic, handed.seq, Seq::MAX);
    let Some(wrong) = dice.pick(&others).copied() else { return false };
    let Seen::Event { seq, .. } = &mut history.readers[site.reader].items[site.item] else { return false };
    *seq = wrong;
    true
}

pub(super) fn alter_topic(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let (Some(site), Some(other)) = (dice.pick(&sites).copied(), dice.pick(&sites).copied()) else {
        return false;
    };
    let other = match &history.readers[other.reader].items[other.item] {
        Seen::Event { topic, .. } => topic.clone(),
        _ => return false,
    };
    let Seen::Event { topic, .. } = &mut history.readers[site.reader].items[site.item] else { return false };
    std::mem::replace(topic, other.clone()) != other
}

/// An event of the log that the reader has no right to, where it would lie.
pub(super) fn hand_to_a_stranger(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let reader = &history.readers[site.reader];
    let Some(handed) = plain::event(&reader.items[site.item]) else { return false };
    let Some(life) = plain::life(history, handed.epoch) else { return false };
    let end = plain::stretch(history, site);
    let next =
        (site.item + 1..end).find_map(|index| plain::event(&reader.items[index]).map(|e| (index, e.seq)));
    let Some((place, next)) = next.filter(|(_, next)| *next > handed.seq) else { return false };
    let foreign: Vec<Seen> = life
        .records
        .range(handed.seq.next()..next)
        .filter_map(|(seq, record)| match record {
            Record::Event(event) if !has_right(reader, &life.records, &event.topic, *seq) => {
                Some(Seen::Event {
                    epoch: life.epoch,
                    topic: event.topic.clone(),
                    seq: *seq,
                    text: Digest::of(&event.text),
                })
            }
            _ => None,
        })
        .collect();
    let Some(foreign) = dice.pick(&foreign).cloned() else { return false };
    history.readers[site.reader].items.insert(place, foreign);
    true
}

/// An event that the log never held, behind a real one.
pub(super) fn invent_event(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let invented = match &history.readers[site.reader].items[site.item] {
        Seen::Event { epoch, topic, seq, .. } => {
            let free =
                plain::life(history, *epoch).is_some_and(|life| !life.records.contains_key(&seq.next()));
            free.then(|| Seen::Event {
                epoch: *epoch,
                topic: topic.clone(),
                seq: seq.next(),
                text: Digest::of(b"invented"),
            })
        }
        _ => None,
    };
    let Some(invented) = invented else { return false };
    history.readers[site.reader].items.insert(site.item + 1, invented);
    true
}

/// An event under the name of a log that never was.
pub(super) fn alter_epoch(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let strange = Epoch::from_bits(dice.bits());
    let is_strange = plain::life(history, strange).is_none();
    let Seen::Event { epoch, .. } = &mut history.readers[site.reader].items[site.item] else { return false };
    *epoch = strange;
    is_strange
}

/// A link over an older log than the one that the reader is in.
pub(super) fn go_back_to_an_epoch(history: &mut History, dice: &mut Dice) -> bool {
    let sites = plain::events(history);
    let Some(site) = dice.pick(&sites).copied() else { return false };
    let Some(handed) = plain::event(&history.readers[site.reader].items[site.item]) else { return false };
    let lives = history.truth.lives();
    let Some(now) = lives.iter().position(|life| life.epoch == handed.epoch).filter(|now| *now > 0) else {
        return false;
    };
    let epoch = lives[dice.index(now)].epoch;
    history.readers[site.reader].items.insert(site.item + 1, Seen::Accepted { epoch });
    true
}

/// The first events of a reader come before it was accepted anywhere.
pub(super) fn drop_the_start(history: &mut History, dice: &mut Dice) -> bool {
    let based = plain::sites(history, |_, _, item| matches!(item, Seen::Based { .. }));
    let Some(site) = dice.pick(&based).copied() else { return false };
    let reader = &history.readers[site.reader];
    let has_events = reader.items[site.item..]
        .iter()
        .take_while(|item| !matches!(item, Seen::Restarted { .. }))
        .any(|item| plain::event(item).is_some());
    let is_only = reader.items.iter().filter(|item| matches!(item, Seen::Based { .. })).count() == 1;
    if !has_events || !is_only {
        return false;
    }
    history.readers[site.reader].items.remove(site.item);
    true
}

/// Nobody ever answered a reader that must be caught up.
pub(super) fn never_accept(history: &mut History, dice: &mut Dice) -> bool {
    let which = dice.index(history.readers.len());
    let Some(reader) = history.readers.get_mut(which) else { return false };
    reader.items.clear();
    reader.must_be_caught_up
}
