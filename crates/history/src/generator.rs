//! What a good history looks like: an ideal gateway and ideal readers, made up from a seed without any of the code under
//! test, with everything that a promise may be kept through: lost answers, new lives of the log, retention, damage, deaths.

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Account, Cursor, Epoch, GapReason, GrantScope, LoggedEvent, Record, Seq, Topic};

use crate::dice::Dice;
use crate::digest::Digest;
use crate::history::{Attempt, History, PublishName, Reader, Seen};

/// The good history of `seed`: some hundred records, some readers, a few accidents.
#[must_use]
pub fn good_history(seed: u64) -> History {
    let mut world = World::new(seed);
    let steps = 60 + world.dice.below(160);
    for _ in 0..steps {
        world.step();
    }
    world.finish();
    world.history
}

/// Everything that happens in one made-up run.
struct World {
    dice: Dice,
    history: History,
    topics: Vec<Topic>,
    accounts: Vec<Account>,
    epoch: Epoch,
    oldest: Seq,
    next: u64,
    /// Asked for, not yet logged; some never are.
    asked: Vec<PublishName>,
    /// Logged, not yet answered; some never are.
    logged: Vec<(PublishName, Vec<Seq>)>,
    payloads: BTreeMap<PublishName, Vec<String>>,
    readers: Vec<Ideal>,
}

/// A reader that is handed exactly what it should.
#[derive(Clone, Default)]
struct Ideal {
    /// The life that it knows, the position that it would save, and up to where losses were told.
    stand: Option<(usize, Cursor, BTreeMap<Topic, Seq>)>,
    saved: Option<(usize, Cursor, BTreeMap<Topic, Seq>)>,
    /// No link since the process started.
    is_new: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let name = |text: String| Topic::new(&text).expect("a name of letters and digits is a topic");
        let topics: Vec<Topic> = (0..2 + dice.below(4)).map(|n| name(format!("conv:c{n}"))).collect();
        let accounts: Vec<Account> = (0..2 + dice.below(3))
            .map(|n| Account::new(&format!("a{n}")).expect("letters and digits are an account"))
            .collect();
        let mut history = History::default();
        for _ in 0..2 + dice.below(4) {
            let account = accounts[dice.index(accounts.len())].clone();
            let inbox = Topic::inbox(&account);
            let (granted, open) = match dice.below(4) {
                0 => (GrantScope::Only(vec![topics[dice.index(topics.len())].clone()].into()), Vec::new()),
                1 => (GrantScope::All, vec![inbox, topics[dice.index(topics.len())].clone()]),
                _ => (GrantScope::All, vec![inbox]),
            };
            history.readers.push(Reader::new(account, granted, open));
        }
        let readers = vec![Ideal { is_new: true, ..Ideal::default() }; history.readers.len()];
        let mut world = World {
            dice,
            history,
            topics,
            accounts,
            epoch: Epoch::from_bits(seed << 8),
            oldest: at(1),
            next: 0,
            asked: Vec::new(),
            logged: Vec::new(),
            payloads: BTreeMap::new(),
            readers,
        };
        world.reopen(Seq::ZERO, &[]);
        for account in world.accounts.clone() {
            for topic in world.topics.clone() {
                if world.dice.percent(70) {
                    let name = world.ask(vec![Attempt::Grant { account: account.clone(), topic }]);
                    world.log(name);
                }
            }
        }
        world
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..35 => {
                let entries = self.make_up();
                let name = self.ask(entries);
                if self.dice.percent(70) { self.log(name) } else { self.asked.push(name) }
            }
            35..42 => {
                let name = self.dice.pick(&self.asked).copied();
                if let Some(name) = name {
                    self.asked.retain(|other| *other != name);
                    self.log(name);
                }
            }
            42..55 => self.answer_one(),
            55..88 => {
                let reader = self.dice.index(self.readers.len());
                let upto = at(self.dice.below(self.head().get() + 1));
                self.read(reader, upto);
            }
            88..92 => {
                let reader = self.dice.index(self.readers.len());
                self.save(reader);
            }
            92..94 => {
                let reader = self.dice.index(self.readers.len());
                self.restart(reader);
            }
            94..97 => {
                let to = at(self.dice.below(self.head().get() + 1));
                self.oldest = self.oldest.max(to.min(self.last_record()));
                self.history.oldest = self.oldest;
            }
            97..99 => self.damage(),
            _ => self.new_life(),
        }
    }

    /// Everybody comes to the end. What was asked and not logged, or logged and not answered, stays so.
    fn finish(&mut self) {
        while self.dice.percent(60) {
            self.answer_one();
        }
        let head = self.head();
        for reader in 0..self.readers.len() {
            self.read(reader, head);
            self.read(reader, head);
        }
    }

    fn head(&self) -> Seq {
        self.history.truth.head()
    }

    fn last_record(&self) -> Seq {
        self.records().keys().next_back().copied().unwrap_or(Seq::ZERO)
    }

    fn life(&self) -> usize {
        self.history.truth.lives().len() - 1
    }

    fn records(&self) -> &BTreeMap<Seq, Record> {
        &self.history.truth.lives()[self.life()].records
    }

    // The gateway.

    fn make_up(&mut self) -> Vec<Attempt> {
        let account = self.accounts[self.dice.index(self.accounts.len())].clone();
        let topic = self.topics[self.dice.index(self.topics.len())].clone();
        match self.dice.below(12) {
            0 => vec![Attempt::Grant { account, topic }],
            1 => vec![Attempt::Revoke { account, topic }],
            _ => {
                let parts = [1, 1, 2, 3][self.dice.index(4)];
                (0..parts)
                    .map(|part| {
                        let topic = match self.dice.below(5) {
                            0 => Topic::inbox(&account),
                            _ => self.topics[self.dice.index(self.topics.len())].clone(),
                        };
                        let payload = Digest::of(payload(self.next, part).as_bytes());
                        Attempt::Event { topic, payload }
                    })
                    .collect()
            }
        }
    }

    fn ask(&mut self, entries: Vec<Attempt>) -> PublishName {
        let name = (0, self.next);
        let payloads = (0..entries.len()).map(|part| payload(self.next, part)).collect();
        self.payloads.insert(name, payloads);
        self.next += 1;
        self.history.attempt(name, entries);
        name
    }

    /// The publish becomes records, whole.
    fn log(&mut self, name: PublishName) {
        let entries = self.history.publishes[&name].entries.clone();
        let mut seqs = Vec::new();
        for (part, entry) in entries.iter().enumerate() {
            let seq = self.head().next();
            let record = match entry {
                Attempt::Event { topic, .. } => {
                    let prev = last_of(self.records(), topic);
                    let payload = &self.payloads[&name][part];
                    let text = format!(
                        "{{\"topic\":\"{topic}\",\"seq\":{seq},\"prev\":{prev},\"payload\":{payload}}}"
                    );
                    Some(Record::Event(LoggedEvent { seq, prev, topic: topic.clone(), text: text.into() }))
                }
                Attempt::Grant { account, topic } => (!holds(self.records(), account, topic, Seq::MAX))
                    .then(|| Record::Granted { seq, account: account.clone(), topic: topic.clone() }),
                Attempt::Revoke { account, topic } => holds(self.records(), account, topic, Seq::MAX)
                    .then(|| Record::Revoked { seq, account: account.clone(), topic: topic.clone() }),
            };
            if let Some(record) = &record {
                self.history.truth.commit(record).expect("the next record of an ideal log fits");
            }
            seqs.push(self.head());
        }
        self.logged.push((name, seqs));
    }

    fn answer_one(&mut self) {
        if self.logged.is_empty() {
            return;
        }
        let chosen = self.dice.index(self.logged.len());
        let (name, seqs) = self.logged.swap_remove(chosen);
        self.history.answered(name, &seqs);
        if self.dice.percent(20) {
            self.history.answered(name, &seqs);
        }
    }

    fn damage(&mut self) {
        let events: Vec<Seq> =
            self.records().values().filter(|r| matches!(r, Record::Event(_))).map(Record::seq).collect();
        if let Some(seq) = self.dice.pick(&events).copied().filter(|seq| *seq >= self.oldest) {
            self.history.truth.damage(seq);
        }
    }

    /// The log loses a suffix and goes on under another name, far behind.
    fn new_life(&mut self) {
        let records: Vec<Record> = self.records().values().cloned().collect();
        let kept = records.len() - self.dice.index(records.len().min(8));
        if kept == 0 || records[kept - 1].seq() < self.oldest {
            return;
        }
        // What is damaged may be what survived: nobody could say.
        if records[kept..].iter().any(|record| self.history.truth.damaged().contains(&record.seq())) {
            return;
        }
        // A batch is lost whole.
        let names: BTreeSet<PublishName> = self.logged.iter().map(|(name, _)| *name).collect();
        let lost: BTreeSet<PublishName> =
            records[kept..].iter().filter_map(|record| self.publish_of(record)).collect();
        if records[..kept]
            .iter()
            .filter_map(|record| self.publish_of(record))
            .any(|name| lost.contains(&name))
        {
            return;
        }
        // What was not answered is asked for again: it is logged once more.
        let again: Vec<PublishName> = names.intersection(&lost).copied().collect();
        self.logged.retain(|(name, _)| !lost.contains(name));
        let jump = 100 + self.dice.below(50);
        self.reopen(at(self.head().get() + jump), &records[..kept]);
        for name in again {
            self.log(name);
        }
    }

    fn publish_of(&self, record: &Record) -> Option<PublishName> {
        let Record::Event(event) = record else { return None };
        let text = std::str::from_utf8(&event.text).ok()?;
        let payload = &text[text.find("\"payload\":")? + 10..text.len() - 1];
        self.payloads.iter().find(|(_, all)| all.iter().any(|one| one == payload)).map(|(name, _)| *name)
    }

    fn reopen(&mut self, head: Seq, shown: &[Record]) {
        self.epoch = Epoch::from_bits(self.epoch.bits() + 1);
        let (epoch, oldest) = (self.epoch, self.oldest);
        let opened = self.history.truth.reopened(epoch, oldest, oldest, head, shown);
        opened.expect("an ideal log shows what was committed");
    }

    // The readers.

    /// Reader `number` is handed what there is up to `upto`.
    fn read(&mut self, number: usize, upto: Seq) {
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
        let upto = upto.max(before(self.oldest));
        for record in records.iter().take_while(|record| record.seq() <= upto) {
            let Record::Event(event) = record else { continue };
            if event.seq < self.oldest || !self.sees(number, &event.topic, event.seq) {
                continue;
            }
            let (topic, place) = (event.topic.clone(), event.seq);
            if self.history.truth.damaged().contains(&place) {
                if told.get(&topic).is_none_or(|end| *end < place) {
                    self.say_gap(number, &topic, before(place), place.next(), GapReason::Storage);
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
        let seq = if from_oldest { before(self.oldest) } else { self.head() };
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

    fn save(&mut self, number: usize) {
        let reader = &mut self.readers[number];
        let Some((_, cursor, _)) = &reader.stand else { return };
        let cursor = *cursor;
        reader.saved.clone_from(&reader.stand);
        self.history.readers[number].save(Some(cursor));
    }

    /// The process dies and starts again; losses that lie ahead of its position are told again.
    fn restart(&mut self, number: usize) {
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

/// Whether `reader` may see `topic` at `seq`, by the records: the slow and plain way.
pub(crate) fn has_right(reader: &Reader, records: &BTreeMap<Seq, Record>, topic: &Topic, seq: Seq) -> bool {
    if reader.open.contains(topic) || reader.asked.contains(topic) {
        return true;
    }
    let counts = match &reader.granted {
        GrantScope::All => true,
        GrantScope::Only(topics) => topics.contains(topic),
    };
    counts && holds(records, &reader.account, topic, seq)
}

fn holds(records: &BTreeMap<Seq, Record>, account: &Account, topic: &Topic, seq: Seq) -> bool {
    let says = |record: &Record| match record {
        Record::Granted { account: whose, topic: what, .. } if whose == account && what == topic => {
            Some(true)
        }
        Record::Revoked { account: whose, topic: what, .. } if whose == account && what == topic => {
            Some(false)
        }
        Record::Event(_) | Record::Granted { .. } | Record::Revoked { .. } => None,
    };
    records.range(..=seq).rev().find_map(|(_, record)| says(record)).unwrap_or(false)
}

fn last_of(records: &BTreeMap<Seq, Record>, wanted: &Topic) -> Seq {
    let is_of = |record: &&Record| matches!(record, Record::Event(event) if event.topic == *wanted);
    records.values().rev().find(is_of).map_or(Seq::ZERO, Record::seq)
}

fn payload(publish: u64, part: usize) -> String {
    format!("{{\"k\":\"{publish}-{part}\"}}")
}

fn at(seq: u64) -> Seq {
    Seq::new(seq).unwrap_or(Seq::MAX)
}

fn before(seq: Seq) -> Seq {
    at(seq.get().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::check;

    #[test]
    fn no_good_history_gives_a_finding() {
        for seed in 0..2_000 {
            assert_eq!(check(&good_history(seed)), [], "seed {seed}");
        }
    }

    #[test]
    fn good_histories_hold_every_accident() {
        let (mut lives, mut gaps, mut restarts, mut unknown) = (0, BTreeMap::new(), 0, 0);
        for history in (0..200).map(good_history) {
            lives += usize::from(history.truth.lives().len() > 2);
            unknown += history.publishes.values().filter(|publish| publish.answers.is_empty()).count();
            for item in history.readers.iter().flat_map(|reader| &reader.items) {
                match item {
                    Seen::Gap { reason, .. } => *gaps.entry(format!("{reason:?}")).or_insert(0) += 1,
                    Seen::Restarted { from: Some(_) } => restarts += 1,
                    _ => {}
                }
            }
        }
        assert!(lives > 20 && restarts > 100 && unknown > 200, "{lives} {restarts} {unknown}");
        for reason in ["Epoch", "Retention", "Storage"] {
            assert!(gaps.get(reason).is_some_and(|count| *count > 50), "{gaps:?}");
        }
    }
}
