//! Whether one reader's events and gaps tile its topics: its items are walked once, in order.

mod gaps;

use bowline_proto::{Cursor, Epoch, Record, Seq, Topic};

use crate::digest::Digest;
use crate::finding::{Finding, brief, list};
use crate::history::{Reader, Seen};
use crate::rules;
use crate::sight::{LogIndex, Sight, TopicNo};
use crate::truth::Truth;

/// Walks the items of `reader`.
pub(crate) fn check(
    who: &str,
    reader: &Reader,
    index: &LogIndex<'_>,
    truth: &Truth,
    found: &mut Vec<Finding>,
) {
    let mut walk = Walk {
        who,
        index,
        truth,
        sights: index.sights(reader),
        stand: Stand::at_first(index.topics()),
        saved: Stand::at_first(index.topics()),
        found,
    };
    for topic in reader.asked.iter().filter_map(|topic| index.known(topic)) {
        walk.stand.topics[topic].is_unasked = true;
        walk.saved.topics[topic].is_unasked = true;
    }
    for item in &reader.items {
        walk.item(item);
    }
    walk.stands_behind_all_it_passed(walk.stand.cursor);
    if reader.must_be_caught_up {
        walk.end();
    }
}

/// Where a reader stands.
#[derive(Clone)]
pub(crate) struct Stand {
    /// Index of the life that the reader is in.
    pub(crate) life: usize,
    pub(crate) base: Option<Seq>,
    /// The life in which the reader asked for everything from the oldest event on.
    from_oldest_of: Option<usize>,
    /// The last event handed out in this life.
    furthest: Seq,
    /// The position that the application would save.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) topics: Vec<TopicStand>,
}

/// Where a reader stands in one topic.
#[derive(Clone, Default)]
pub(crate) struct TopicStand {
    /// Behind the last event or gap.
    pub(crate) at: Option<Seq>,
    /// Where gaps began that the cursor has not passed: another link may tell what lies just before one, as the part that
    /// is left of a wider gap.
    pub(crate) gaps: Vec<Seq>,
    /// Up to where gaps may be told once more, because the log became another one before the cursor had passed them.
    pub(crate) told_before: Option<Seq>,
    /// Events of an earlier life that are lost and not yet said to be.
    pub(crate) unsaid: Vec<Seq>,
    /// The reader may ask for it and does not at the moment: nothing of it is missed.
    pub(crate) is_unasked: bool,
    /// The last life whose beginning this topic was told as a loss.
    pub(crate) told_life: usize,
}

impl Stand {
    fn at_first(topics: usize) -> Self {
        Stand {
            life: 0,
            base: None,
            from_oldest_of: None,
            furthest: Seq::ZERO,
            cursor: None,
            topics: vec![TopicStand::default(); topics],
        }
    }

    pub(crate) fn position(&self, topic: TopicNo) -> Seq {
        self.topics[topic].at.or(self.base).unwrap_or(Seq::ZERO)
    }

    pub(crate) fn started_from_oldest(&self) -> bool {
        self.from_oldest_of.is_some()
    }

    fn is_from_oldest(&self) -> bool {
        self.from_oldest_of == Some(self.life)
    }
}

/// A walk in progress.
pub(crate) struct Walk<'a> {
    pub(crate) who: &'a str,
    pub(crate) index: &'a LogIndex<'a>,
    pub(crate) truth: &'a Truth,
    pub(crate) sights: Vec<Sight<'a>>,
    pub(crate) stand: Stand,
    /// Where it stood when the process saved last.
    saved: Stand,
    found: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    pub(crate) fn find(&mut self, rule: &'static str, what: std::fmt::Arguments<'_>) {
        self.found.push((rule, format!("{}: {what}", self.who)));
    }

    fn item(&mut self, item: &Seen) {
        match item {
            Seen::Based { epoch, seq, from_oldest, moment: _ } => {
                self.enter(*epoch);
                self.stand.base = Some(*seq);
                self.stand.from_oldest_of = from_oldest.then_some(self.stand.life);
            }
            Seen::Followed { epoch, topic, seq } => {
                self.enter(*epoch);
                self.followed(topic, *seq);
            }
            Seen::Left { topic } => {
                if let Some(number) = self.index.known(topic) {
                    self.stand.topics[number].is_unasked = true;
                }
            }
            Seen::Accepted { epoch } => self.enter(*epoch),
            Seen::Event { epoch, topic, seq, text } => {
                self.enter(*epoch);
                self.event(topic, *seq, *text);
                self.move_to(Cursor { epoch: *epoch, seq: *seq });
            }
            Seen::Gap { topic, after, before, reason, oldest } => {
                gaps::check(
                    self,
                    &gaps::Told { topic, after: *after, before: *before, reason: *reason },
                    *oldest,
                );
            }
            Seen::Moved { cursor } => {
                self.enter(cursor.epoch);
                self.move_to(*cursor);
                self.stands_behind_all_it_passed(Some(*cursor));
            }
            Seen::Saved { cursor } => {
                self.save(*cursor);
            }
            Seen::Restarted { from } => self.restart(*from),
        }
    }

    fn enter(&mut self, epoch: Epoch) {
        let Some(next) = self.sights.iter().position(|life| life.epoch() == epoch) else {
            return self.find(rules::PHANTOM, format_args!("epoch {epoch} has never existed"));
        };
        if self.stand.base.is_none() {
            self.stand.life = next;
        }
        if next < self.stand.life {
            self.find(rules::ORDER, format_args!("went back to epoch {epoch}"));
        }
        while self.stand.life < next {
            self.leave_life();
        }
    }

    /// From one life to the next: what lay behind the shared part is lost, unless the reader had it. A reader that had
    /// not come so far misses nothing of the log that it goes on with.
    fn leave_life(&mut self) {
        let (old, new) = (&self.sights[self.stand.life], &self.sights[self.stand.life + 1]);
        let shared = new.life.shared;
        let was_ahead = std::mem::take(&mut self.stand.furthest) > shared;
        for topic in 0..self.stand.topics.len() {
            let at = self.stand.position(topic);
            let lost = old.between(topic, at.max(shared), Seq::MAX);
            let stand = &mut self.stand.topics[topic];
            if was_ahead && new.is_held_at_shared(topic) && !stand.is_unasked {
                stand.unsaid.extend(lost.iter().map(|event| event.seq));
            }
            stand.at = stand.at.map(|at| at.min(shared));
            stand.told_before = stand.at.or(stand.told_before);
            // A reader that had not passed where an earlier life began hears of that again.
            stand.told_life = 0;
        }
        self.stand.base = self.stand.base.map(|base| base.min(shared));
        self.stand.life += 1;
    }

    fn followed(&mut self, topic: &Topic, seq: Seq) {
        let Some(number) = self.index.known(topic) else { return };
        // Whoever goes on from the oldest event may also get of it what retention has removed in the meantime.
        let begins_at_oldest = self.stand.is_from_oldest() && self.stand.base.is_some_and(|base| seq <= base);
        let stand = &mut self.stand.topics[number];
        if std::mem::take(&mut stand.is_unasked) && !(begins_at_oldest && stand.at.is_none()) {
            stand.at = Some(stand.at.unwrap_or(Seq::ZERO).max(seq));
        }
    }

    fn event(&mut self, topic: &Topic, seq: Seq, text: Digest) {
        if self.stand.base.is_none() {
            self.find(rules::ORDER, format_args!("{topic} {seq} came before any accepted link"));
        }
        let sight = &self.sights[self.stand.life];
        let Some(number) = self.index.known(topic) else {
            return self
                .find(rules::PHANTOM, format_args!("was handed {topic} {seq}; there is no such topic"));
        };
        match sight.event(number, seq) {
            Some(known) if known.text == text => {}
            Some(_) => {
                self.find(rules::AGREEMENT, format_args!("{topic} {seq} differs from what the log holds"))
            }
            None => {
                let logged = sight.life.records.get(&seq);
                let is_of_topic = matches!(logged, Some(Record::Event(event)) if event.topic == *topic);
                let rule = if is_of_topic { rules::RIGHT } else { rules::PHANTOM };
                let there = brief(logged);
                self.find(rule, format_args!("was handed {topic} {seq}; the log holds {there}"));
            }
        }
        if seq <= self.stand.furthest {
            let furthest = self.stand.furthest;
            self.find(rules::ORDER, format_args!("{topic} {seq} came after {furthest}"));
        }
        let at = self.stand.position(number);
        self.stand.furthest = self.stand.furthest.max(seq);
        if seq <= at && self.stand.is_from_oldest() && self.stand.topics[number].at.is_none() {
            return;
        }
        if seq <= at {
            return self.find(rules::DOUBLE, format_args!("{topic} {seq} came although it stood at {at}"));
        }
        let skipped = list(self.sights[self.stand.life].between(number, at, seq));
        if let Some(skipped) = skipped.filter(|_| !self.stand.topics[number].is_unasked) {
            self.find(rules::HOLE, format_args!("{topic} went from {at} to {seq} without {skipped}"));
        }
        self.stand.topics[number].at = Some(seq);
    }

    /// The application would save `cursor` now.
    fn move_to(&mut self, cursor: Cursor) {
        if let Some(before) = self.stand.cursor
            && before.epoch == cursor.epoch
            && cursor.seq < before.seq
        {
            self.find(
                rules::CURSOR,
                format_args!("the position went back from {} to {}", before.seq, cursor.seq),
            );
        }
        self.stand.cursor = Some(cursor);
    }

    /// Nothing up to the position is still to come: it would never come after a restart.
    fn stands_behind_all_it_passed(&mut self, cursor: Option<Cursor>) {
        let Some(cursor) = cursor.filter(|cursor| cursor.epoch == self.sights[self.stand.life].epoch())
        else {
            return;
        };
        for topic in 0..self.stand.topics.len() {
            if self.stand.topics[topic].is_unasked {
                continue;
            }
            let at = self.stand.position(topic);
            let sight = &self.sights[self.stand.life];
            if let Some(passed) = list(sight.between(topic, at, cursor.seq.next())) {
                let name = self.index.name(topic);
                self.find(
                    rules::CURSOR,
                    format_args!(
                        "{name} stands at {at}, the position at {}: {passed} never came",
                        cursor.seq
                    ),
                );
            }
        }
    }

    fn save(&mut self, cursor: Option<Cursor>) {
        if cursor.is_some() && cursor != self.stand.cursor {
            let at = self.stand.cursor;
            self.find(rules::CURSOR, format_args!("saved {cursor:?} where it stood at {at:?}"));
        }
        self.stands_behind_all_it_passed(self.stand.cursor);
        self.saved = self.stand.clone();
    }

    /// What was not saved never happened; gaps that lie ahead of the saved position may be told again.
    fn restart(&mut self, from: Option<Cursor>) {
        self.stand = self.saved.clone();
        if from.is_some() && from != self.stand.cursor {
            let at = self.stand.cursor;
            self.find(rules::CURSOR, format_args!("goes on from {from:?}, had saved {at:?}"));
        }
        let saved = self.stand.cursor;
        for stand in &mut self.stand.topics {
            stand.gaps.clear();
            stand.at = stand.at.map(|at| saved.map_or(at, |cursor| at.min(cursor.seq)));
        }
    }

    fn end(&mut self) {
        if self.stand.base.is_none() {
            return self.find(rules::LIVENESS, format_args!("was never accepted"));
        }
        for topic in 0..self.stand.topics.len() {
            if self.stand.topics[topic].is_unasked {
                continue;
            }
            let name = self.index.name(topic);
            if !self.stand.topics[topic].unsaid.is_empty() {
                let lost: Vec<String> =
                    self.stand.topics[topic].unsaid.iter().take(8).map(Seq::to_string).collect();
                self.find(
                    rules::HOLE,
                    format_args!("{name} {} was lost with its epoch, unsaid", lost.join(", ")),
                );
            }
            let at = self.stand.position(topic);
            if let Some(missing) = list(self.sights[self.stand.life].behind(topic, at)) {
                self.find(rules::HOLE, format_args!("{name} ended at {at} without {missing}"));
            }
        }
    }
}
