//! The checker sees every way in which a good history can be spoiled.

use std::sync::OnceLock;

use bowline_history::{History, Seen, check};
use bowline_proto::{Epoch, GapReason, Record, Seq};
use bowline_sim::{Rng, Trace, run};
use bytes::Bytes;

/// A run over one life of the log that kept every promise and in which the first reader was handed much.
fn good() -> History {
    static GOOD: OnceLock<History> = OnceLock::new();
    let find = || {
        (1..50)
            .map(|seed| run(seed, Trace::hashing()))
            .filter(|outcome| outcome.history.truth.lives().len() == 1)
            .find(|outcome| {
                outcome.violations.is_empty() && (50..400).contains(&events(&outcome.history, 0).len())
            })
            .expect("one of fifty seeds has a busy first reader")
            .history
    };
    GOOD.get_or_init(find).clone()
}

/// Indices of the events that reader `reader` was handed.
fn events(history: &History, reader: usize) -> Vec<usize> {
    let items = history.readers[reader].items.iter().enumerate();
    items.filter(|(_, item)| matches!(item, Seen::Event { .. })).map(|(index, _)| index).collect()
}

fn seq_of(item: &Seen) -> Seq {
    match item {
        Seen::Event { seq, .. } => *seq,
        other => panic!("{other:?} is no event"),
    }
}

/// Spoils the history in many places, one at a time; every one must be seen.
fn every_one_is_seen(what: &str, spoil: impl Fn(&mut History, usize, &mut Rng) -> bool) {
    let good = good();
    assert_eq!(check(&good), []);
    let mut rng = Rng::new(5);
    let mut spoilt = 0;
    for at in events(&good, 0) {
        let mut history = good.clone();
        if !spoil(&mut history, at, &mut rng) {
            continue;
        }
        spoilt += 1;
        assert_ne!(check(&history), [], "{what} at item {at} was not seen");
    }
    assert!(spoilt > 5, "{what} was tried {spoilt} times only");
}

#[test]
fn a_dropped_event_is_seen() {
    every_one_is_seen("a dropped event", |history, at, _| {
        history.readers[0].items.remove(at);
        true
    });
}

#[test]
fn a_doubled_event_is_seen() {
    every_one_is_seen("a doubled event", |history, at, rng| {
        let items = &mut history.readers[0].items;
        let copy = items[at].clone();
        let later = at + 1 + rng.index((items.len() - at).min(10));
        items.insert(later.min(items.len()), copy);
        true
    });
}

#[test]
fn two_swapped_events_of_a_topic_are_seen() {
    every_one_is_seen("a swap", |history, at, _| {
        let items = &mut history.readers[0].items;
        let Seen::Event { topic, .. } = items[at].clone() else { return false };
        let same = |item: &Seen| matches!(item, Seen::Event { topic: other, .. } if *other == topic);
        let Some(next) = (at + 1..items.len()).find(|index| same(&items[*index])) else { return false };
        items.swap(at, next);
        true
    });
}

#[test]
fn an_altered_event_is_seen() {
    every_one_is_seen("an altered event", |history, at, rng| {
        let Seen::Event { text, .. } = &mut history.readers[0].items[at] else { return false };
        let mut bytes = text.to_vec();
        let hit = rng.index(bytes.len());
        bytes[hit] ^= 1;
        *text = Bytes::from(bytes);
        true
    });
}

#[test]
fn an_event_under_another_position_is_seen() {
    every_one_is_seen("a wrong position", |history, at, _| {
        let Seen::Event { seq, .. } = &mut history.readers[0].items[at] else { return false };
        *seq = seq.next();
        true
    });
}

#[test]
fn a_gap_in_place_of_an_event_that_is_still_there_is_seen() {
    every_one_is_seen("a dishonest gap", |history, at, _| {
        let item = &mut history.readers[0].items[at];
        let seq = seq_of(item);
        let Seen::Event { topic, .. } = item.clone() else { return false };
        let after = Seq::new(seq.get() - 1).unwrap();
        *item =
            Seen::Gap { topic, after, before: seq.next(), reason: GapReason::Retention, oldest: Seq::ZERO };
        true
    });
}

#[test]
fn an_honest_gap_passes_and_the_same_gap_shifted_is_seen() {
    let good = good();
    let mut shifted_and_seen = 0;
    for at in events(&good, 0) {
        let mut history = good.clone();
        let item = &mut history.readers[0].items[at];
        let seq = seq_of(item);
        let Seen::Event { topic, .. } = item.clone() else { continue };
        let gap = |after: u64, before: u64| Seen::Gap {
            topic: topic.clone(),
            after: Seq::new(after).unwrap(),
            before: Seq::new(before).unwrap(),
            reason: GapReason::Retention,
            oldest: seq.next(),
        };
        *item = gap(seq.get() - 1, seq.get() + 1);
        assert_eq!(check(&history), [], "the gap at {seq} is honest");
        history.readers[0].items[at] = gap(seq.get(), seq.get() + 2);
        assert_ne!(check(&history), [], "the gap behind {seq} leaves a hole");
        shifted_and_seen += 1;
    }
    assert!(shifted_and_seen > 5);
}

#[test]
fn an_event_without_a_right_to_it_is_seen() {
    let good = good();
    let reader = &good.readers[0];
    let life = good.truth.lives().last().unwrap();
    let held: Vec<Seq> = events(&good, 0).iter().map(|at| seq_of(&reader.items[*at])).collect();
    let mut tried = 0;
    for record in life.records.values() {
        let Record::Event(event) = record else { continue };
        let (Some(first), Some(last)) = (held.first(), held.last()) else { panic!("a busy reader") };
        if held.contains(&event.seq) || event.seq < *first || event.seq > *last {
            continue;
        }
        let mut history = good.clone();
        let items = &mut history.readers[0].items;
        let place =
            items.iter().position(|i| matches!(i, Seen::Event { seq, .. } if *seq > event.seq)).unwrap();
        items.insert(
            place,
            Seen::Event {
                epoch: life.epoch,
                topic: event.topic.clone(),
                seq: event.seq,
                text: event.text.clone(),
            },
        );
        assert_ne!(check(&history), [], "{} {}", event.topic, event.seq);
        tried += 1;
    }
    assert!(tried > 0, "there is something that this reader may not see");
}

#[test]
fn an_event_that_nobody_published_is_seen() {
    let mut history = good();
    history.publishes.pop_first();
    history.publishes.retain(|_, publish| publish.events.is_empty());
    assert!(check(&history).iter().any(|(rule, _)| *rule == "phantom"));
}

#[test]
fn an_acknowledged_event_that_lies_elsewhere_is_seen() {
    let mut history = good();
    let publish = history.publishes.values_mut().find(|p| p.acked.is_some() && !p.events.is_empty()).unwrap();
    for seq in publish.acked.iter_mut().flatten() {
        *seq = seq.next();
    }
    assert!(check(&history).iter().any(|(rule, _)| *rule == "durable ack"));
}

#[test]
fn an_epoch_that_never_was_is_seen() {
    let mut history = good();
    history.readers[0].items.push(Seen::Accepted { epoch: Epoch::from_bits(1) });
    assert!(check(&history).iter().any(|(rule, _)| *rule == "phantom"));
}
