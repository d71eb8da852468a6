//! What a good history looks like: an ideal gateway and ideal readers, made up from a seed without any of the code under
//! test, with everything that a promise may be kept through: lost answers, new lives of the log, retention, damage, deaths.

mod readers;
mod rights;

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Account, Epoch, GrantScope, LoggedEvent, Record, Seq, Topic};

use crate::dice::Dice;
use crate::digest::Digest;
use crate::history::{Attempt, History, PublishName, Reader};

use readers::Ideal;
pub(crate) use rights::has_right;
use rights::{at, holds};

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
        let readers = vec![Ideal::new(); history.readers.len()];
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
        let shared = shown.last().map_or(Seq::ZERO, Record::seq);
        let opened = self.history.truth.reopened(epoch, oldest, oldest, head, shared, shown);
        opened.expect("an ideal log shows what was committed");
    }
}

fn last_of(records: &BTreeMap<Seq, Record>, wanted: &Topic) -> Seq {
    let is_of = |record: &&Record| matches!(record, Record::Event(event) if event.topic == *wanted);
    records.values().rev().find(is_of).map_or(Seq::ZERO, Record::seq)
}

fn payload(publish: u64, part: usize) -> String {
    format!("{{\"k\":\"{publish}-{part}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::check;
    use crate::history::Seen;

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
