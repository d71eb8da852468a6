//! Spoilt publishes and a spoilt log: what was answered is gone or lies elsewhere, what was asked once lies there twice, in
//! part, or in another order.

use bowline_proto::{LoggedEvent, Record, Seq};

use super::plain;
use crate::dice::Dice;
use crate::history::{Attempt, History, Moment, PublishName};

/// Publishes of events that were answered.
fn answered(history: &History) -> Vec<PublishName> {
    let of_events = |entries: &[Attempt]| entries.iter().all(|entry| matches!(entry, Attempt::Event { .. }));
    let publishes = history.publishes.iter();
    publishes
        .filter(|(_, publish)| !publish.answers.is_empty() && of_events(&publish.entries))
        .map(|(name, _)| *name)
        .collect()
}

/// One answered place of an event, in every life that has it.
fn answered_place(history: &History, dice: &mut Dice) -> Option<Seq> {
    let names = answered(history);
    let publish = &history.publishes[dice.pick(&names)?];
    dice.pick(publish.answers.first()?).copied()
}

/// Puts `seqs` in the place of all answers to `name`.
fn answer_instead(history: &mut History, name: PublishName, seqs: Vec<Seq>) {
    if let Some(publish) = history.publishes.get_mut(&name) {
        publish.answers = vec![seqs];
    }
}

pub(super) fn move_ack(history: &mut History, dice: &mut Dice) -> bool {
    let names = answered(history);
    let Some(name) = dice.pick(&names).copied() else { return false };
    let mut seqs = history.publishes[&name].answers[0].clone();
    let part = dice.index(seqs.len());
    let by = if dice.percent(50) { 1 + dice.below(3) } else { dice.bits() >> 20 };
    // A payload lies in a life once at most, so the next places can't be its own: unless it lies there in another life.
    seqs[part] = seqs[part].advanced_by(by.max(1));
    if history.truth.lives().len() > 1 && by < (1 << 30) {
        return false;
    }
    answer_instead(history, name, seqs);
    true
}

pub(super) fn swap_acks(history: &mut History, dice: &mut Dice) -> bool {
    let names = answered(history);
    let (Some(one), Some(other)) = (dice.pick(&names).copied(), dice.pick(&names).copied()) else {
        return false;
    };
    let (first, second) =
        (history.publishes[&one].answers[0].clone(), history.publishes[&other].answers[0].clone());
    if one == other || first.len() != second.len() {
        return false;
    }
    answer_instead(history, one, second);
    answer_instead(history, other, first);
    true
}

/// An answer to what is nowhere in the log.
pub(super) fn ack_what_was_lost(history: &mut History, dice: &mut Dice) -> bool {
    let mut names: Vec<PublishName> = history
        .publishes
        .iter()
        .filter(|(_, publish)| {
            publish.answers.is_empty()
                && publish.entries.iter().all(|entry| matches!(entry, Attempt::Event { .. }))
        })
        .map(|(name, _)| *name)
        .collect();
    names.retain(|name| {
        !history.truth.lives().iter().any(|life| {
            life.records
                .values()
                .any(|record| history.publishes[name].entries.iter().any(|entry| plain::is_of(record, entry)))
        })
    });
    let Some(name) = dice.pick(&names).copied() else { return false };
    let head = history.truth.head().get();
    let parts = history.publishes[&name].entries.len();
    let first = 1 + dice.below(head + 2);
    let seqs: Vec<Seq> = (0..parts).filter_map(|part| Seq::new(first + part as u64)).collect();
    history.answered(name, &seqs);
    true
}

/// One more answer, with other places.
pub(super) fn answer_twice(history: &mut History, dice: &mut Dice) -> bool {
    let names = answered(history);
    let Some(name) = dice.pick(&names).copied() else { return false };
    let mut seqs = history.publishes[&name].answers[0].clone();
    for seq in &mut seqs {
        *seq = seq.advanced_by(1 + dice.below(3));
    }
    history.answered(name, &seqs);
    true
}

/// The log forgets a record that was answered for.
pub(super) fn lose_what_was_acked(history: &mut History, dice: &mut Dice) -> bool {
    let Some(seq) = answered_place(history, dice) else { return false };
    for life in history.truth.lives_mut() {
        life.records.remove(&seq);
    }
    true
}

/// The log forgets a right that was answered for: the first one that an account got in a topic.
pub(super) fn lose_a_grant(history: &mut History, dice: &mut Dice) -> bool {
    let mut firsts = Vec::new();
    for publish in history.publishes.values() {
        let [Attempt::Grant { account, topic }] = publish.entries.as_slice() else { continue };
        let Some(seq) = publish.answers.first().and_then(|answer| answer.first()).copied() else { continue };
        let Some(life) = history.truth.lives().first() else { continue };
        let first = life.records.values().find(|record| {
            matches!(record, Record::Granted { account: a, topic: t, .. } if a == account && t == topic)
        });
        // In the first life, and in none that knows it otherwise.
        if first.map(Record::seq) == Some(seq) && history.truth.lives().len() == 1 {
            firsts.push(seq);
        }
    }
    let Some(seq) = dice.pick(&firsts).copied() else { return false };
    for life in history.truth.lives_mut() {
        life.records.remove(&seq);
    }
    true
}

/// A right that nobody gave.
pub(super) fn forge_a_grant(history: &mut History, dice: &mut Dice) -> bool {
    let mut forged = Vec::new();
    for reader in &history.readers {
        for record in history.truth.lives().iter().flat_map(|life| life.records.values()) {
            let Record::Event(event) = record else { continue };
            let wanted = Attempt::Grant { account: reader.account.clone(), topic: event.topic.clone() };
            if !forged.contains(&wanted)
                && !history.publishes.values().any(|publish| publish.entries.contains(&wanted))
            {
                forged.push(wanted);
            }
        }
    }
    let Some(Attempt::Grant { account, topic }) = dice.pick(&forged).cloned() else { return false };
    let seq = history.truth.head().next();
    history.truth.commit(&Record::Granted { seq, account, topic }).is_ok()
}

/// A logged event once more, at the end of the log.
pub(super) fn log_twice(history: &mut History, dice: &mut Dice) -> bool {
    let Some(life) = history.truth.lives().last() else { return false };
    let events: Vec<&LoggedEvent> = life.records.values().filter_map(event_of).collect();
    let Some(again) = dice.pick(&events).map(|event| (*event).clone()) else { return false };
    let prev =
        events.iter().rev().find(|event| event.topic == again.topic).map_or(Seq::ZERO, |event| event.seq);
    let seq = history.truth.head().next();
    history.truth.commit(&Record::Event(LoggedEvent { seq, prev, ..again })).is_ok()
}

fn event_of(record: &Record) -> Option<&LoggedEvent> {
    match record {
        Record::Event(event) => Some(event),
        Record::Granted { .. } | Record::Revoked { .. } => None,
    }
}

/// The log holds another payload than was published; everybody is handed that.
pub(super) fn log_another_payload(history: &mut History, dice: &mut Dice) -> bool {
    let Some(seq) = any_event(history, dice) else { return false };
    change(history, seq, |event| {
        let text = String::from_utf8_lossy(&event.text).replace("\"payload\":{", "\"payload\":{\"!\":0,");
        event.text = text.into();
    })
}

pub(super) fn break_the_chain(history: &mut History, dice: &mut Dice) -> bool {
    let Some(seq) = any_event(history, dice) else { return false };
    let by = 1 + dice.below(3);
    change(history, seq, |event| event.prev = event.prev.advanced_by(by))
}

/// An event of the last life.
fn any_event(history: &History, dice: &mut Dice) -> Option<Seq> {
    let events: Vec<Seq> =
        history.truth.lives().last()?.records.values().filter_map(event_of).map(|event| event.seq).collect();
    dice.pick(&events).copied()
}

fn change(history: &mut History, seq: Seq, mut how: impl FnMut(&mut LoggedEvent)) -> bool {
    let Some(life) = history.truth.lives_mut().last_mut() else { return false };
    match life.records.get_mut(&seq) {
        Some(Record::Event(event)) => how(event),
        _ => return false,
    }
    true
}

/// Publishes of several events, with their places in the last life.
fn batches(history: &History) -> Vec<Vec<Seq>> {
    let Some(life) = history.truth.lives().last() else { return Vec::new() };
    answered(history)
        .iter()
        .map(|name| history.publishes[name].answers[0].clone())
        .filter(|seqs| seqs.len() > 1 && seqs.iter().all(|seq| life.records.contains_key(seq)))
        .collect()
}

/// A part of a publish is not logged; whether it was answered is not known.
pub(super) fn tear_a_publish(history: &mut History, dice: &mut Dice) -> bool {
    let batches = batches(history);
    let Some(seqs) = dice.pick(&batches) else { return false };
    let Some(seq) = dice.pick(seqs).copied() else { return false };
    for life in history.truth.lives_mut() {
        life.records.remove(&seq);
    }
    for publish in history.publishes.values_mut() {
        if publish.answers.first() == Some(seqs) {
            publish.answers.clear();
        }
    }
    true
}

/// Two parts of a publish lie in each other's place.
pub(super) fn turn_a_publish(history: &mut History, dice: &mut Dice) -> bool {
    let batches = batches(history);
    let Some(seqs) = dice.pick(&batches) else { return false };
    let (one, other) = (seqs[0], seqs[1]);
    let Some(life) = history.truth.lives_mut().last_mut() else { return false };
    let (Some(Record::Event(first)), Some(Record::Event(second))) =
        (life.records.get(&one).cloned(), life.records.get(&other).cloned())
    else {
        return false;
    };
    let is_other_text = first.text != second.text;
    life.records.insert(one, Record::Event(LoggedEvent { seq: one, ..second }));
    life.records.insert(other, Record::Event(LoggedEvent { seq: other, ..first }));
    is_other_text
}

/// A publish that began when an earlier place had already been answered to somebody.
pub(super) fn begin_after_the_answer(history: &mut History, dice: &mut Dice) -> bool {
    let names = answered(history);
    let (Some(early), Some(late)) = (dice.pick(&names).copied(), dice.pick(&names).copied()) else {
        return false;
    };
    let Some(life) = history.truth.lives().last() else { return false };
    let place = |name: &PublishName| history.publishes[name].answers[0].iter().min().copied();
    let (Some(low), Some(high)) = (place(&early), place(&late)) else { return false };
    let both_here = life.records.contains_key(&low) && life.records.contains_key(&high) && low > life.shared;
    let Some(settled) = history.publishes[&late].settled.filter(|_| low < high && both_here) else {
        return false;
    };
    let Some(publish) = history.publishes.get_mut(&early) else { return false };
    publish.began = Moment(settled.0 + 1);
    publish.settled = Some(Moment(settled.0 + 2));
    true
}

/// Two lives of the log under one name.
pub(super) fn swap_epochs(history: &mut History, dice: &mut Dice) -> bool {
    let lives = history.truth.lives_mut();
    if lives.len() < 2 {
        return false;
    }
    let which = 1 + dice.index(lives.len() - 1);
    lives[which].epoch = lives[which - 1].epoch;
    true
}
