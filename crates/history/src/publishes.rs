//! Whether what was asked of the gateway became of it: answered means logged where the answer said; unknown means once or
//! not at all; nothing is logged that nobody asked for.

use std::collections::{BTreeMap, HashMap};

use bowline_proto::{Account, Record, Seq, Topic};

use crate::digest::Digest;
use crate::finding::{Finding, brief};
use crate::history::{Attempt, History, Moment, Publish, PublishName, Seen};
use crate::rules;
use crate::truth::Life;

/// Where each part of a publish lies in one life.
type Places = Vec<Option<Seq>>;

pub(crate) fn check(history: &History, found: &mut Vec<Finding>) {
    let asked = Asked::of(history);
    let mut lives = Vec::new();
    for life in history.truth.lives() {
        let placed = placed(life, &asked, found);
        all_or_nothing(history, life, &placed, found);
        publish_order(history, &placed, found);
        lives.push((life, placed));
    }
    bases(history, &lives, found);
    if !lives.is_empty() {
        answers(history, &lives, found);
    }
}

/// Who asked for what.
struct Asked<'a> {
    events: HashMap<(&'a Topic, Digest), (PublishName, usize)>,
    /// Account, topic, and whether the right was given.
    rights: HashMap<(&'a Account, &'a Topic, bool), PublishName>,
}

impl<'a> Asked<'a> {
    fn of(history: &'a History) -> Self {
        let mut asked = Asked { events: HashMap::new(), rights: HashMap::new() };
        for (name, publish) in &history.publishes {
            for (part, entry) in publish.entries.iter().enumerate() {
                match entry {
                    Attempt::Event { topic, payload } => {
                        asked.events.insert((topic, *payload), (*name, part));
                    }
                    Attempt::Grant { account, topic } => {
                        asked.rights.insert((account, topic, true), *name);
                    }
                    Attempt::Revoke { account, topic } => {
                        asked.rights.insert((account, topic, false), *name);
                    }
                }
            }
        }
        asked
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
                if !asked.rights.contains_key(&(account, topic, is_grant)) {
                    let there = brief(Some(record));
                    found
                        .push((rules::PHANTOM, format!("{there}, at {}: nobody asked for it", record.seq())));
                }
                continue;
            }
        };
        let payload = Digest::of(payload_of(&event.text));
        let Some((name, part)) = asked.events.get(&(&event.topic, payload)) else {
            found.push((
                rules::PHANTOM,
                format!("the log holds {} {}, which nobody published", event.topic, event.seq),
            ));
            continue;
        };
        let places = placed.entry(*name).or_default();
        if places.len() <= *part {
            places.resize(part + 1, None);
        }
        if let Some(first) = places[*part].replace(event.seq) {
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
    for (name, places) in placed {
        let Some(publish) = history.publishes.get(name) else { continue };
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
                None if life.unknown_upto > Seq::ZERO => {}
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
fn bases(history: &History, lives: &[(&Life, BTreeMap<PublishName, Places>)], found: &mut Vec<Finding>) {
    for (life, placed) in lives {
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
fn answers(history: &History, lives: &[(&Life, BTreeMap<PublishName, Places>)], found: &mut Vec<Finding>) {
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
                if !lives.iter().any(|(life, placed)| is_kept(life, placed, *name, publish, part, *seq)) {
                    let there = lives.last().map(|(life, _)| brief(life.records.get(seq)));
                    let there = there.unwrap_or_default();
                    let said = format!("{} part {part} was acknowledged at {seq}: {there}", said(*name));
                    found.push((rules::DURABLE_ACK, said));
                }
            }
        }
    }
}

/// Whether part `part` of a publish is what `life` holds at `seq`.
fn is_kept(
    life: &Life,
    placed: &BTreeMap<PublishName, Places>,
    name: PublishName,
    publish: &Publish,
    part: usize,
    seq: Seq,
) -> bool {
    if seq <= life.unknown_upto {
        return true;
    }
    match &publish.entries[part] {
        Attempt::Event { .. } => {
            placed.get(&name).and_then(|places| places.get(part).copied().flatten()) == Some(seq)
        }
        // A right that is there already needs no record of its own.
        Attempt::Grant { account, topic } => right_at(life, account, topic, seq) == Some(true),
        Attempt::Revoke { account, topic } => right_at(life, account, topic, seq) != Some(true),
    }
}

/// What the last record up to `seq` says about a right; `None`: nothing.
fn right_at(life: &Life, account: &Account, topic: &Topic, seq: Seq) -> Option<bool> {
    life.records.range(..=seq).rev().find_map(|(_, record)| match record {
        Record::Granted { account: whose, topic: what, .. } => {
            (whose == account && what == topic).then_some(true)
        }
        Record::Revoked { account: whose, topic: what, .. } => {
            (whose == account && what == topic).then_some(false)
        }
        Record::Event(_) => None,
    })
}

/// The payload of an event's frame: its last member, as the publisher wrote it.
fn payload_of(text: &[u8]) -> &[u8] {
    let marker = b"\"payload\":";
    let Some(start) = text.windows(marker.len()).position(|window| window == marker) else { return &[] };
    text[start + marker.len()..].strip_suffix(b"}").unwrap_or_default()
}

fn said((publisher, number): PublishName) -> String {
    format!("p{publisher}-{number}")
}
