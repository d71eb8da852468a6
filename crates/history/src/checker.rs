//! Whether a run kept the delivery promise (wire protocol, section 7), judged from the history alone.
//!
//! The right of a reader at each position is computed here from the log's grant records, independently of the code
//! under test.

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Epoch, GapReason, GrantScope, Record, Seq, Topic};
use bytes::Bytes;

use crate::history::{History, Reader, Seen};
use crate::truth::{Life, Truth};

/// A broken promise: which rule, and what happened.
pub type Finding = (&'static str, String);

/// Everything that is wrong with `history`, apart from what was noticed while it was written.
#[must_use]
pub fn check(history: &History) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, reader) in history.readers.iter().enumerate() {
        check_reader(&format!("client {index} ({})", reader.account), reader, &history.truth, &mut found);
    }
    check_publishes(history, &mut found);
    check_chain(&history.truth, &mut found);
    found
}

/// The events of one life that one reader has a right to, by topic, in order.
struct Expected {
    epoch: Epoch,
    shared: Seq,
    /// What the reader holds where this life begins: the log can't know of rights that were lost with their records.
    held_at_shared: BTreeSet<Topic>,
    by_topic: BTreeMap<Topic, BTreeMap<Seq, Bytes>>,
}

impl Expected {
    fn of(reader: &Reader, life: &Life) -> Self {
        let mut held: BTreeSet<&Topic> = BTreeSet::new();
        let mut by_topic: BTreeMap<Topic, BTreeMap<Seq, Bytes>> = BTreeMap::new();
        let mut held_at_shared: BTreeSet<Topic> = reader.open.iter().cloned().collect();
        let mut is_inherited = true;
        for record in life.records.values() {
            if is_inherited && record.seq() > life.shared {
                is_inherited = false;
                held_at_shared.extend(held.iter().map(|topic| (*topic).clone()));
            }
            match record {
                Record::Granted { account, topic, .. } if *account == reader.account => {
                    let counts = match &reader.granted {
                        GrantScope::All => true,
                        GrantScope::Only(topics) => topics.contains(topic),
                    };
                    if counts {
                        held.insert(topic);
                    }
                }
                Record::Revoked { account, topic, .. } if *account == reader.account => {
                    held.remove(topic);
                }
                Record::Granted { .. } | Record::Revoked { .. } => {}
                Record::Event(event) => {
                    let is_open = reader.open.contains(&event.topic) || reader.asked.contains(&event.topic);
                    if is_open || held.contains(&event.topic) {
                        by_topic
                            .entry(event.topic.clone())
                            .or_default()
                            .insert(event.seq, event.text.clone());
                    }
                }
            }
        }
        if is_inherited {
            held_at_shared.extend(held.into_iter().cloned());
        }
        Expected { epoch: life.epoch, shared: life.shared, held_at_shared, by_topic }
    }

    fn between(&self, topic: &Topic, after: Seq, before: Seq) -> impl Iterator<Item = Seq> + '_ {
        let range = after.next()..before.max(after.next());
        self.by_topic
            .get(topic)
            .into_iter()
            .flat_map(move |events| events.range(range.clone()).map(|(seq, _)| *seq))
    }
}

/// Where a reader stands while its items are walked.
struct Walk<'a> {
    who: &'a str,
    lives: Vec<Expected>,
    /// Index of the life that the reader is in.
    life: usize,
    base: Option<Seq>,
    /// The life in which the reader asked for everything from the oldest event on.
    from_oldest_of: Option<usize>,
    /// The last event handed out in this life.
    furthest: Seq,
    at: BTreeMap<Topic, Seq>,
    /// Where the last gap of each topic began: the other link of an overlap may tell what lies just before it.
    last_gap: BTreeMap<Topic, Seq>,
    /// Up to where gaps may be told once more, because the log became another one, or the process had to go back, before
    /// the cursor had passed them.
    told_before: BTreeMap<Topic, Seq>,
    /// Events of an earlier life that are lost and not yet said to be.
    unsaid: BTreeMap<Topic, Vec<Seq>>,
    /// Topics that it may ask for and does not at the moment: nothing of them is missed.
    unasked: BTreeSet<Topic>,
    damaged: &'a BTreeSet<Seq>,
}

fn check_reader(who: &str, reader: &Reader, truth: &Truth, found: &mut Vec<Finding>) {
    let lives: Vec<Expected> = truth.lives().iter().map(|life| Expected::of(reader, life)).collect();
    let mut walk = Walk {
        who,
        lives,
        life: 0,
        base: None,
        from_oldest_of: None,
        furthest: Seq::ZERO,
        at: BTreeMap::new(),
        last_gap: BTreeMap::new(),
        told_before: BTreeMap::new(),
        unsaid: BTreeMap::new(),
        unasked: reader.asked.iter().cloned().collect(),
        damaged: truth.damaged(),
    };
    for item in &reader.items {
        match item {
            Seen::Based { epoch, seq, from_oldest } => {
                walk.enter(*epoch, found);
                walk.base = Some(*seq);
                walk.from_oldest_of = from_oldest.then_some(walk.life);
            }
            Seen::Followed { epoch, topic, seq } => {
                walk.enter(*epoch, found);
                walk.followed(topic, *seq);
            }
            Seen::Left { topic } => {
                walk.unasked.insert(topic.clone());
            }
            Seen::Restarted => walk.told_before.clone_from(&walk.at),
            Seen::Accepted { epoch } => walk.enter(*epoch, found),
            Seen::Event { epoch, topic, seq, text } => {
                walk.enter(*epoch, found);
                walk.event(topic, *seq, text, truth, found);
            }
            Seen::Gap { topic, after, before, reason, oldest } => {
                walk.gap(topic, *after, *before, *reason, *oldest, found);
            }
        }
    }
    if reader.must_be_caught_up {
        walk.end(found);
    }
}

impl Walk<'_> {
    fn position(&self, topic: &Topic) -> Seq {
        self.at.get(topic).copied().or(self.base).unwrap_or(Seq::ZERO)
    }

    fn followed(&mut self, topic: &Topic, seq: Seq) {
        if self.unasked.remove(topic) {
            let at = self.at.get(topic).copied().unwrap_or(Seq::ZERO);
            self.at.insert(topic.clone(), at.max(seq));
        }
    }

    fn is_from_oldest(&self) -> bool {
        self.from_oldest_of == Some(self.life)
    }

    fn enter(&mut self, epoch: Epoch, found: &mut Vec<Finding>) {
        let Some(next) = self.lives.iter().position(|life| life.epoch == epoch) else {
            found.push(("phantom", format!("{}: epoch {epoch} has never existed", self.who)));
            return;
        };
        if self.base.is_none() {
            self.life = next;
        }
        if next < self.life {
            found.push(("order", format!("{}: went back to epoch {epoch}", self.who)));
        }
        while self.life < next {
            self.leave_life();
        }
    }

    /// From one life to the next: what lay behind the shared part is lost, unless the reader had it. A reader that had
    /// not come so far misses nothing of the log that it goes on with.
    fn leave_life(&mut self) {
        let shared = self.lives[self.life + 1].shared;
        let was_ahead = std::mem::take(&mut self.furthest) > shared;
        let topics: Vec<Topic> = self.lives[self.life].by_topic.keys().cloned().collect();
        for topic in topics {
            let at = self.position(&topic);
            let lost: Vec<Seq> = self.lives[self.life].between(&topic, at.max(shared), Seq::MAX).collect();
            let is_held = self.lives[self.life + 1].held_at_shared.contains(&topic);
            if was_ahead && is_held && !lost.is_empty() && !self.unasked.contains(&topic) {
                self.unsaid.entry(topic.clone()).or_default().extend(lost);
            }
        }
        for (topic, at) in &mut self.at {
            *at = (*at).min(shared);
            self.told_before.insert(topic.clone(), *at);
        }
        self.base = self.base.map(|base| base.min(shared));
        self.life += 1;
    }

    fn event(&mut self, topic: &Topic, seq: Seq, text: &Bytes, truth: &Truth, found: &mut Vec<Finding>) {
        let who = self.who;
        let at = self.position(topic);
        let expected = &self.lives[self.life];
        if self.base.is_none() {
            found.push(("order", format!("{who}: {topic} {seq} came before any accepted link")));
        }
        match expected.by_topic.get(topic).and_then(|events| events.get(&seq)) {
            Some(known) if known == text => {}
            Some(_) => {
                found.push(("agreement", format!("{who}: {topic} {seq} differs from what the log holds")))
            }
            None => {
                let logged = truth.lives()[self.life].records.get(&seq);
                let rule = if logged.is_some() { "right" } else { "phantom" };
                found.push((
                    rule,
                    format!("{who}: was handed {topic} {seq}; the log holds {}", brief(logged)),
                ));
            }
        }
        if seq <= at && self.is_from_oldest() && !self.at.contains_key(topic) {
            return;
        }
        if seq <= at {
            found.push(("double", format!("{who}: {topic} {seq} came although it stood at {at}")));
            return;
        }
        let skipped: Vec<Seq> = expected.between(topic, at, seq).collect();
        if !skipped.is_empty() && !self.unasked.contains(topic) {
            found
                .push(("hole", format!("{who}: {topic} went from {at} to {seq} without {}", list(&skipped))));
        }
        self.at.insert(topic.clone(), seq);
        self.furthest = self.furthest.max(seq);
    }

    fn gap(
        &mut self,
        topic: &Topic,
        after: Seq,
        before: Seq,
        reason: GapReason,
        oldest: Seq,
        found: &mut Vec<Finding>,
    ) {
        if self.unasked.contains(topic) {
            return;
        }
        // A reader from the oldest event on may be told what was there before.
        if self.is_from_oldest() && self.base.is_some_and(|base| before <= base.next()) {
            return;
        }
        let after = self.told_before.get(topic).map_or(after, |told| after.max(*told));
        if before <= after.next() {
            return;
        }
        let who = self.who;
        let at = self.position(topic);
        let expected = &self.lives[self.life];
        let said = format!("{who}: the gap {topic} {after}..{before} ({reason:?})");
        let skipped: Vec<Seq> = expected.between(topic, at, after.next()).collect();
        if !skipped.is_empty() {
            found.push(("hole", format!("{said} starts behind {}, which never came", list(&skipped))));
        }
        let had: Vec<Seq> = expected.between(topic, after, before.min(at.next())).collect();
        if self.base.is_some_and(|base| at > base) && !had.is_empty() {
            found.push(("overlap", format!("{said} covers {}, which had come", list(&had))));
        }
        let claimed: Vec<Seq> = expected.between(topic, after.max(at), before).collect();
        // What the device has destroyed is lost; where its index is lost as well, its neighbours in time may be suspected
        // to have held events of other topics.
        let is_storage = reason == GapReason::Storage;
        let is_destroyed = |seq: &Seq| is_storage && self.damaged.contains(seq);
        let available: Vec<Seq> =
            claimed.iter().copied().filter(|seq| *seq >= oldest && !is_destroyed(seq)).collect();
        let holds_damage =
            is_storage && self.damaged.range(after.next()..before.max(after.next())).next().is_some();
        if !available.is_empty() {
            let why = list(&available);
            found.push(("honest gap", format!("{said} covers {why}, still in the log (oldest {oldest})")));
        }
        let unsaid = self.unsaid.entry(topic.clone()).or_default();
        let said_now = unsaid
            .extract_if(.., |seq| reason == GapReason::Epoch || (after < *seq && *seq < before))
            .count();
        let lost_with_a_life = reason == GapReason::Epoch && self.life > 0;
        let widens_the_last =
            self.last_gap.get(topic).is_some_and(|began| after < *began && before == began.next());
        self.last_gap.insert(topic.clone(), after);
        if claimed.is_empty() && said_now == 0 && !lost_with_a_life && !widens_the_last && !holds_damage {
            found.push(("honest gap", format!("{said} covers no event of this reader's (it stood at {at})")));
        }
        let end = Seq::new(before.get().saturating_sub(1)).unwrap_or(Seq::MAX);
        if end > at {
            self.at.insert(topic.clone(), end);
        }
    }

    fn end(&mut self, found: &mut Vec<Finding>) {
        if self.base.is_none() {
            found.push(("liveness", format!("{}: was never accepted", self.who)));
            return;
        }
        for (topic, lost) in self.unsaid.iter().filter(|(_, lost)| !lost.is_empty()) {
            found.push((
                "hole",
                format!("{}: {topic} {} was lost with its epoch, unsaid", self.who, list(lost)),
            ));
        }
        let topics: Vec<Topic> = self.lives[self.life].by_topic.keys().cloned().collect();
        for topic in topics {
            let at = self.position(&topic);
            let missing: Vec<Seq> = self.lives[self.life].between(&topic, at, Seq::MAX).collect();
            if !missing.is_empty() && !self.unasked.contains(&topic) {
                let missing = list(&missing);
                found.push(("hole", format!("{}: {topic} ended at {at} without {missing}", self.who)));
            }
        }
    }
}

/// Acknowledged publishes lie where they were said to; every payload lies in the log at most once, and was published.
fn check_publishes(history: &History, found: &mut Vec<Finding>) {
    let Some(last) = history.truth.lives().last() else { return };
    let mut attempted: BTreeMap<(&Topic, &[u8]), (usize, u64)> = BTreeMap::new();
    for (name, publish) in &history.publishes {
        for (topic, payload) in &publish.events {
            attempted.insert((topic, payload), *name);
        }
    }
    let mut seen: BTreeMap<(Topic, Vec<u8>), Seq> = BTreeMap::new();
    for record in last.records.values() {
        let Record::Event(event) = record else { continue };
        let payload = payload_of(&event.text);
        if !attempted.contains_key(&(&event.topic, payload)) {
            found.push((
                "phantom",
                format!("the log holds {} {}, which nobody published", event.topic, event.seq),
            ));
        }
        if let Some(first) = seen.insert((event.topic.clone(), payload.to_vec()), event.seq) {
            found.push(("idempotence", format!("{} lies at {first} and at {}", event.topic, event.seq)));
        }
    }
    // Where a suffix was lost in a way that the configuration allows, an acknowledged publish may be gone.
    let whole = history.truth.lives().len() == 1;
    for ((publisher, number), publish) in &history.publishes {
        let Some(acked) = &publish.acked else { continue };
        for ((topic, payload), seq) in publish.events.iter().zip(acked) {
            let lies_there = last.records.get(seq).is_some_and(|record| match record {
                Record::Event(event) => event.topic == *topic && payload_of(&event.text) == payload,
                Record::Granted { .. } | Record::Revoked { .. } => false,
            });
            if whole && !lies_there {
                let there = brief(last.records.get(seq));
                found.push((
                    "durable ack",
                    format!("p{publisher}-{number} was acknowledged at {seq}: {there}"),
                ));
            }
        }
    }
}

/// `prev` of every event names the event of its topic before it.
fn check_chain(truth: &Truth, found: &mut Vec<Finding>) {
    let Some(last) = truth.lives().last() else { return };
    let mut heads: BTreeMap<&Topic, Seq> = BTreeMap::new();
    for record in last.records.values() {
        let Record::Event(event) = record else { continue };
        let before = heads.insert(&event.topic, event.seq).unwrap_or(Seq::ZERO);
        if event.prev != before {
            let said = format!("{} {} has prev {}, not {before}", event.topic, event.seq, event.prev);
            found.push(("prev chain", said));
        }
    }
}

/// The payload of an event's frame: it is the last member, written by the publisher without spaces.
fn payload_of(text: &[u8]) -> &[u8] {
    let marker = b"\"payload\":";
    let Some(start) = text.windows(marker.len()).position(|window| window == marker) else { return &[] };
    let rest = &text[start + marker.len()..];
    let end = rest.iter().position(|b| *b == b'}').map_or(rest.len(), |end| end + 1);
    &rest[..end]
}

fn brief(record: Option<&Record>) -> String {
    match record {
        None => "nothing there".into(),
        Some(Record::Event(event)) => format!("an event of {} there", event.topic),
        Some(Record::Granted { account, topic, .. }) => format!("a grant of {topic} to {account} there"),
        Some(Record::Revoked { account, topic, .. }) => {
            format!("a revocation of {topic} from {account} there")
        }
    }
}

fn list(seqs: &[Seq]) -> String {
    let shown: Vec<String> = seqs.iter().take(8).map(Seq::to_string).collect();
    let more = seqs.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
