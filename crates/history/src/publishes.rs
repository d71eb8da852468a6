//! Whether what was asked of the gateway became of it: answered means logged where the answer said; unknown means once or
//! not at all; nothing is logged that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Account, Record, Seq, Topic};

use crate::digest::Digest;
use crate::finding::{Finding, brief};
use crate::history::{Attempt, History, Moment, Publish, PublishName, Seen};
use crate::rules;
use crate::truth::Life;

/// Where each part of a publish lies in one life.
type Places = Vec<Option<Seq>>;

/// One life, arranged for the questions that are asked about publishes.
struct Kept<'a> {
    life: &'a Life,
    placed: BTreeMap<PublishName, Places>,
    /// From a seq on, an account has a right to a topic, or has none.
    rights: BTreeMap<(&'a Account, &'a Topic), Vec<(Seq, bool)>>,
}

pub(crate) fn check(history: &History, found: &mut Vec<Finding>) {
    let asked = Asked::of(history);
    let mut lives = Vec::new();
    for life in history.truth.lives() {
        let placed = placed(life, &asked, found);
        all_or_nothing(history, life, &placed, found);
        publish_order(history, &placed, found);
        lives.push(Kept { life, placed, rights: rights(life) });
    }
    bases(history, &lives, found);
    if !lives.is_empty() {
        answers(history, &lives, found);
    }
}

/// Who asked for what.
struct Asked<'a> {
    /// In the order of digests: a payload is another one each time, so that few stand side by side.
    events: Vec<(Digest, &'a Topic, PublishName, usize)>,
    /// Account, topic, and whether the right was given.
    rights: BTreeSet<(&'a Account, &'a Topic, bool)>,
}

impl<'a> Asked<'a> {
    fn of(history: &'a History) -> Self {
        let mut asked =
            Asked { events: Vec::with_capacity(history.publishes.len()), rights: BTreeSet::new() };
        for (name, publish) in &history.publishes {
            for (part, entry) in publish.entries.iter().enumerate() {
                match entry {
                    Attempt::Event { topic, payload } => asked.events.push((*payload, topic, *name, part)),
                    Attempt::Grant { account, topic } => {
                        asked.rights.insert((account, topic, true));
                    }
                    Attempt::Revoke { account, topic } => {
                        asked.rights.insert((account, topic, false));
                    }
                }
            }
        }
        asked.events.sort_unstable_by_key(|(payload, ..)| *payload);
        asked
    }

    fn event(&self, topic: &Topic, payload: Digest) -> Option<(PublishName, usize)> {
        let first = self.events.partition_point(|(known, ..)| *known < payload);
        let same = self.events[first..].iter().take_while(|(known, ..)| *known == payload);
        same.filter(|(_, of, ..)| *of == topic).map(|(_, _, name, part)| (*name, *part)).last()
    }
}

/// Finds each logged event's publish: there is one, and no other place in this life holds the same part.
fn placed(life: &Life, asked: &Asked<'_>, found: &mut Vec<Finding>) -> BTreeMap<PublishName, Places> {
    let mut placed: BTreeMap<PublishName, Places> = BTreeMap::new();
    for record in life.records.values() {
        let event = match record {
            Record::Event(event) => event,
            Record::Granted { account, topic, .. } | Record::Revoked { account, topic, .. } => {
                let is_grant = matches!(record, Record::Granted { .. });
                if !asked.rights.contains(&(account, topic, is_grant)) {
                    let there = brief(Some(record));
                    found
                        .push((rules::PHANTOM, format!("{there}, at {}: nobody asked for it", record.seq())));
                }
                continue;
            }
        };
        let payload = Digest::of(payload_of(&event.text));
        let Some((name, part)) = asked.event(&event.topic, payload) else {
            found.push((
                rules::PHANTOM,
                format!("the log holds {} {}, which nobody published", event.topic, event.seq),
            ));
            continue;
        };
        let places = placed.entry(name).or_default();
        if places.len() <= part {
            places.resize(part + 1, None);
        }
        if let Some(first) = places[part].replace(event.seq) {
            found.push((rules::IDEMPOTENCE, format!("{} lies at {first} and at {}", event.topic, event.seq)));
        }
    }
    placed
}

/// A publish is in the log whole and in its order, or not at all.
fn all_or_nothing(
    history: &History,
    life: &Life,
    placed: &BTreeMap<PublishName, Places>,
    found: &mut Vec<Finding>,
) {
    let is_cut = life.unknown_upto > Seq::ZERO;
    for (name, places) in placed {
        let Some(publish) = history.publishes.get(name) else { continue };
        let first = places.iter().flatten().min().copied().unwrap_or(Seq::ZERO);
        let mut last = Seq::ZERO;
        for (part, entry) in publish.entries.iter().enumerate() {
            if !matches!(entry, Attempt::Event { .. }) {
                continue;
            }
            match places.get(part).copied().flatten() {
                Some(seq) if seq < last => {
                    let said =
                        format!("{} part {part} lies at {seq}, the part before it at {last}", said(*name));
                    found.push((rules::ALL_OR_NOTHING, said));
                }
                Some(seq) => last = seq,
                // Retention may have removed the first parts before the log was read.
                None if is_cut && first <= life.unknown_upto.advanced_by(publish.entries.len() as u64) => {}
                None => found.push((
                    rules::ALL_OR_NOTHING,
                    format!("{} is in the log without its part {part}", said(*name)),
                )),
            }
        }
    }
}

/// What began after something was answered lies behind it.
fn publish_order(history: &History, placed: &BTreeMap<PublishName, Places>, found: &mut Vec<Finding>) {
    enum Step {
        Begins(Seq, PublishName),
        Settles(Seq),
    }
    let mut steps: Vec<(Moment, Step)> = Vec::with_capacity(placed.len() * 2);
    for (name, places) in placed {
        let Some(publish) = history.publishes.get(name) else { continue };
        let known = || places.iter().flatten().copied();
        if let Some(first) = known().min() {
            steps.push((publish.began, Step::Begins(first, *name)));
        }
        if let (Some(settled), Some(last)) = (publish.settled, known().max()) {
            steps.push((settled, Step::Settles(last)));
        }
    }
    steps.sort_by_key(|(moment, _)| *moment);
    let mut answered = Seq::ZERO;
    for (_, step) in steps {
        match step {
            Step::Settles(seq) => answered = answered.max(seq),
            Step::Begins(seq, name) if seq <= answered => found.push((
                rules::PUBLISH_ORDER,
                format!("{} began after the answer {answered} and lies at {seq}", said(name)),
            )),
            Step::Begins(..) => {}
        }
    }
}

/// A fresh reader's start lies before everything that was published after it.
fn bases(history: &History, lives: &[Kept<'_>], found: &mut Vec<Finding>) {
    for Kept { life, placed, .. } in lives {
        let mut bases: Vec<(Moment, Seq, usize)> = Vec::new();
        for (number, reader) in history.readers.iter().enumerate() {
            for item in &reader.items {
                if let Seen::Based { epoch, seq, moment, .. } = item
                    && *epoch == life.epoch
                {
                    bases.push((*moment, *seq, number));
                }
            }
        }
        bases.sort_unstable();
        // From the newest publish back to the oldest: the lowest place of all that began later.
        let mut begun: Vec<(Moment, Seq)> = placed
            .iter()
            .filter_map(|(name, places)| {
                Some((history.publishes.get(name)?.began, places.iter().flatten().copied().min()?))
            })
            .collect();
        begun.sort_unstable();
        let mut lowest = Seq::MAX;
        for (moment, base, number) in bases.into_iter().rev() {
            while let Some((_, seq)) = begun.pop_if(|(began, _)| *began > moment) {
                lowest = lowest.min(seq);
            }
            if lowest <= base {
                let said = format!("client {number} started behind {base}; {lowest} was published later");
                found.push((rules::BASE, said));
            }
        }
    }
}

/// Answered means logged, there and nowhere else; and every answer to a publish is the same.
fn answers(history: &History, lives: &[Kept<'_>], found: &mut Vec<Finding>) {
    for (name, publish) in &history.publishes {
        if let [first, .., last] = publish.answers.as_slice() {
            let said = format!("{} was answered with {first:?} and then with {last:?}", said(*name));
            found.push((rules::IDEMPOTENCE, said));
        }
        for answer in &publish.answers {
            if answer.len() != publish.entries.len() {
                let said = format!(
                    "{} has {} parts and was answered with {answer:?}",
                    said(*name),
                    publish.entries.len()
                );
                found.push((rules::DURABLE_ACK, said));
                continue;
            }
            for (part, seq) in answer.iter().enumerate() {
                // A suffix may be lost in a way that the configuration allows: a new life begins. But it was there.
                if !lives.iter().any(|life| life.keeps(*name, publish, part, *seq)) {
                    let there = lives.last().map(|kept| brief(kept.life.records.get(seq)));
                    let there = there.unwrap_or_default();
                    let said = format!("{} part {part} was acknowledged at {seq}: {there}", said(*name));
                    found.push((rules::DURABLE_ACK, said));
                }
            }
        }
    }
}

impl Kept<'_> {
    /// Whether part `part` of a publish is what this life holds at `seq`.
    fn keeps(&self, name: PublishName, publish: &Publish, part: usize, seq: Seq) -> bool {
        if seq <= self.life.unknown_upto {
            return true;
        }
        match &publish.entries[part] {
            Attempt::Event { .. } => {
                self.placed.get(&name).and_then(|places| places.get(part).copied().flatten()) == Some(seq)
            }
            // A right that is there already needs no record of its own.
            Attempt::Grant { account, topic } => self.has_right(account, topic, seq),
            Attempt::Revoke { account, topic } => !self.has_right(account, topic, seq),
        }
    }

    /// What the last record up to `seq` says about a right.
    fn has_right(&self, account: &Account, topic: &Topic, seq: Seq) -> bool {
        let changes = self.rights.get(&(account, topic)).map_or(&[][..], Vec::as_slice);
        let upto = changes.partition_point(|(at, _)| *at <= seq);
        upto > 0 && changes[upto - 1].1
    }
}

fn rights(life: &Life) -> BTreeMap<(&Account, &Topic), Vec<(Seq, bool)>> {
    let mut rights: BTreeMap<(&Account, &Topic), Vec<(Seq, bool)>> = BTreeMap::new();
    for record in life.records.values() {
        match record {
            Record::Event(_) => {}
            Record::Granted { seq, account, topic } => {
                rights.entry((account, topic)).or_default().push((*seq, true));
            }
            Record::Revoked { seq, account, topic } => {
                rights.entry((account, topic)).or_default().push((*seq, false));
            }
        }
    }
    rights
}

/// The payload of an event's frame: its last member, as the publisher wrote it.
fn payload_of(text: &[u8]) -> &[u8] {
    let marker = b"\"payload\":";
    let is_there = |start: &usize| text[*start] == b'"' && text[*start..].starts_with(marker);
    let Some(start) = (0..text.len()).find(is_there) else { return &[] };
    text[start + marker.len()..].strip_suffix(b"}").unwrap_or_default()
}

fn said((publisher, number): PublishName) -> String {
    format!("p{publisher}-{number}")
}
