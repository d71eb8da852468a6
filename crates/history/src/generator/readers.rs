//! What ideal readers are handed: every event that they have a right to, in order, and what is lost, said once, whatever
//! happens to their processes and to the log.

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Cursor, GapReason, Record, Seq, Topic};

use crate::digest::Digest;
use crate::history::Seen;

use super::World;
use super::rights::has_right;

/// A reader that is handed exactly what it should.
#[derive(Clone)]
pub(super) struct Ideal {
    /// The life that it knows, the position that it would save, and up to where losses were told.
    stand: Option<(usize, Cursor, BTreeMap<Topic, Seq>)>,
    saved: Option<(usize, Cursor, BTreeMap<Topic, Seq>)>,
    /// No link since the process started.
    is_new: bool,
}

impl Ideal {
    pub(super) fn new() -> Self {
        Ideal { stand: None, saved: None, is_new: true }
    }
}

impl World {
    /// Reader `number` is handed what there is up to `upto`.
    pub(super) fn read(&mut self, number: usize, upto: Seq) {
        if std::mem::take(&mut self.readers[number].is_new) || self.dice.percent(10) {
            self.tell(number, Seen::Accepted { epoch: self.epoch });
        }
        let Some((life, cursor, mut told)) = self.readers[number].stand.take() else {
            return self.start(number);
        };
        let mut seq = cursor.seq;
        if life < self.life() {
            self.tell(number, Seen::Accepted { epoch: self.epoch });
            told.clear();
            for new in life + 1..=self.life() {
                seq = self.cross(number, new, seq);
            }
            self.move_to(number, seq, told);
            return;
        }
        self.say_removed(number, seq, &mut told);
        let records: Vec<Record> = self.records().range(seq.next()..).map(|(_, r)| r.clone()).collect();
        let upto = upto.max(self.oldest.previous());
        for record in records.iter().take_while(|record| record.seq() <= upto) {
            let Record::Event(event) = record else { continue };
            if event.seq < self.oldest || !self.sees(number, &event.topic, event.seq) {
                continue;
            }
            let (topic, place) = (event.topic.clone(), event.seq);
            if self.history.truth.damaged().contains(&place) {
                if told.get(&topic).is_none_or(|end| *end < place) {
                    self.say_gap(number, &topic, place.previous(), place.next(), GapReason::Storage);
                    told.insert(topic, place);
                }
                continue;
            }
            let text = Digest::of(&event.text);
            self.tell(number, Seen::Event { epoch: self.epoch, topic, seq: place, text });
            seq = place;
        }
        let settled = upto.min(self.head());
        if settled > seq && self.dice.percent(50) {
            self.move_to(number, settled, told);
        } else {
            self.readers[number].stand =
                Some((self.life(), Cursor { epoch: self.epoch, seq: seq.max(cursor.seq) }, told));
        }
    }

    fn start(&mut self, number: usize) {
        let from_oldest = self.dice.percent(30);
        let seq = if from_oldest { self.oldest.previous() } else { self.head() };
        let moment = self.history.moment();
        self.tell(number, Seen::Accepted { epoch: self.epoch });
        self.tell(number, Seen::Based { epoch: self.epoch, seq, from_oldest, moment });
        self.move_to(number, seq, BTreeMap::new());
    }

    /// The reader learns of life `new`; it was at `seq`. Where it goes on.
    fn cross(&mut self, number: usize, new: usize, seq: Seq) -> Seq {
        let life = &self.history.truth.lives()[new];
        let (shared, first) = (life.shared, life.began_at.next());
        if seq <= shared {
            return seq;
        }
        let reader = &self.history.readers[number];
        let records = &life.records;
        let mut topics: BTreeSet<Topic> = self.topics.iter().cloned().collect();
        topics.extend(reader.open.iter().cloned());
        let held: Vec<Topic> =
            topics.into_iter().filter(|topic| has_right(reader, records, topic, shared)).collect();
        for topic in held {
            self.say_gap(number, &topic, shared, first, GapReason::Epoch);
        }
        shared
    }

    fn say_removed(&mut self, number: usize, from: Seq, told: &mut BTreeMap<Topic, Seq>) {
        let lost: Vec<(Topic, Seq)> = self
            .records()
            .range(from.next()..self.oldest.max(from.next()))
            .filter_map(|(seq, record)| match record {
                Record::Event(event) => Some((event.topic.clone(), *seq)),
                Record::Granted { .. } | Record::Revoked { .. } => None,
            })
            .filter(|(topic, seq)| self.sees(number, topic, *seq))
            .collect();
        let mut last: BTreeMap<Topic, Seq> = BTreeMap::new();
        for (topic, seq) in lost {
            last.insert(topic, seq);
        }
        for (topic, last) in last {
            let after = told.get(&topic).copied().unwrap_or(from).max(from);
            if last > after {
                self.say_gap(number, &topic, after, last.next(), GapReason::Retention);
                told.insert(topic, last);
            }
        }
    }

    fn say_gap(&mut self, number: usize, topic: &Topic, after: Seq, before: Seq, reason: GapReason) {
        let gap = Seen::Gap { topic: topic.clone(), after, before, reason, oldest: self.oldest };
        self.tell(number, gap);
    }

    fn move_to(&mut self, number: usize, seq: Seq, told: BTreeMap<Topic, Seq>) {
        let cursor = Cursor { epoch: self.epoch, seq };
        self.tell(number, Seen::Moved { cursor });
        self.readers[number].stand = Some((self.life(), cursor, told));
    }

    pub(super) fn save(&mut self, number: usize) {
        let reader = &mut self.readers[number];
        let Some((_, cursor, _)) = &reader.stand else { return };
        let cursor = *cursor;
        reader.saved.clone_from(&reader.stand);
        self.history.readers[number].save(Some(cursor));
    }

    /// The process dies and starts again; losses that lie ahead of its position are told again.
    pub(super) fn restart(&mut self, number: usize) {
        let reader = &mut self.readers[number];
        reader.is_new = true;
        reader.stand.clone_from(&reader.saved);
        if let Some((_, _, told)) = &mut reader.stand {
            told.clear();
        }
        let from = reader.saved.as_ref().map(|(_, cursor, _)| *cursor);
        self.history.readers[number].restart(from);
    }

    fn tell(&mut self, number: usize, item: Seen) {
        self.history.readers[number].items.push(item);
    }

    fn sees(&self, number: usize, topic: &Topic, seq: Seq) -> bool {
        has_right(&self.history.readers[number], self.records(), topic, seq)
    }
}
