//! What the log really held: every record that any incarnation of it ever committed, kept outside of the code under test.
//!
//! A host that sees every commit says so ([`Truth::commit`]), and what the log shows whenever it is opened
//! ([`Truth::reopened`]). A host of real processes reads the log's directory when the last process is gone
//! ([`Truth::of_log`]), or each time that one is gone ([`Truth::reopened`]). Where retention has removed records before they
//! were read, the rules judge what lies behind them. What the host itself has destroyed on the disk: [`Truth::damage`].

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Account, Epoch, Record, Seq, Topic};

/// One incarnation of the log.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its identity.
    pub epoch: Epoch,
    /// What it inherited from the life before ends here.
    pub shared: Seq,
    /// Where it stood when it began: positions may have been skipped, so that none is given twice.
    pub began_at: Seq,
    /// Records up to here are not known: retention had removed them before the log was read.
    pub unknown_upto: Seq,
    /// Every record, the inherited ones included.
    pub records: BTreeMap<Seq, Record>,
    /// An opening failed that may have begun the next life: see [`Truth::opening_failed`].
    pub opening_failed: bool,
}

/// Every incarnation of the log, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    lives: Vec<Life>,
    /// Events that the device has destroyed: they are lost, or still in somebody's memory.
    damaged: BTreeSet<Seq>,
    /// Those of them of which nothing tells any more whose they were.
    nameless: BTreeSet<Seq>,
}

impl Truth {
    /// One life, read from the log at the end of a run: `records` in any order, from `oldest` on.
    #[must_use]
    pub fn of_log(epoch: Epoch, oldest: Seq, records: impl IntoIterator<Item = Record>) -> Self {
        let records: BTreeMap<Seq, Record> = records.into_iter().map(|r| (r.seq(), r)).collect();
        let unknown_upto = oldest.previous();
        let began_at = unknown_upto;
        let life = Life { epoch, shared: Seq::ZERO, began_at, unknown_upto, records, opening_failed: false };
        Truth { lives: vec![life], ..Truth::default() }
    }

    /// The device has destroyed an event: whoever has not had it may be told that it is lost.
    pub fn damage(&mut self, seq: Seq) {
        self.damaged.insert(seq);
    }

    /// Events that the device has destroyed.
    #[must_use]
    pub fn damaged(&self) -> &BTreeSet<Seq> {
        &self.damaged
    }

    /// What would tell which topic a destroyed event was of is destroyed as well: any topic may be told that it has lost
    /// something there, whatever the reason given.
    pub fn unname(&mut self, seq: Seq) {
        self.nameless.insert(seq);
    }

    /// Destroyed events that may have been of any topic.
    #[must_use]
    pub fn nameless(&self) -> &BTreeSet<Seq> {
        &self.nameless
    }

    /// The log did not open again, while its readers still had the closed one: what it had set aside by then for the life that
    /// follows is gone for them already, before they hear of that life.
    pub fn opening_failed(&mut self) {
        if let Some(life) = self.lives.last_mut() {
            life.opening_failed = true;
        }
    }

    /// All lives, oldest first.
    #[must_use]
    pub fn lives(&self) -> &[Life] {
        &self.lives
    }

    /// For whoever spoils a history on purpose.
    pub(crate) fn lives_mut(&mut self) -> &mut [Life] {
        &mut self.lives
    }

    /// The index of the life called `epoch`.
    #[must_use]
    pub fn life_of(&self, epoch: Epoch) -> Option<usize> {
        self.lives.iter().position(|life| life.epoch == epoch)
    }

    /// The last committed position.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.lives.last().map_or(Seq::ZERO, head_of)
    }

    /// Takes a committed record of the current life.
    ///
    /// # Errors
    /// Says what contradicts what was committed before.
    pub fn commit(&mut self, record: &Record) -> Result<(), String> {
        let head = self.head();
        let life = self.lives.last_mut().ok_or("a commit before the log was opened")?;
        match life.records.get(&record.seq()) {
            Some(known) if known == record => Ok(()),
            Some(_) => Err(format!("seq {} was committed twice with different contents", record.seq())),
            None if record.seq() == head.next() => {
                life.records.insert(record.seq(), record.clone());
                Ok(())
            }
            None => Err(format!("seq {} was committed behind head {head}", record.seq())),
        }
    }

    /// The log was opened and shows `epoch` with these records, from `oldest` to `head`. Before it was
    /// closed, everything from `was_oldest` on was retained. Up to `shared` it goes on with the life before, as it tells a
    /// reader of that one; without a change of the epoch that is the head.
    ///
    /// # Errors
    /// Says which committed record is gone or altered although the epoch is the same or the position shared, or is there
    /// although it is said to be lost.
    pub fn reopened(
        &mut self,
        epoch: Epoch,
        oldest: Seq,
        was_oldest: Seq,
        head: Seq,
        shared: Seq,
        shown: &[Record],
    ) -> Result<(), String> {
        let Some(last) = self.lives.last_mut() else {
            let records = shown.iter().map(|r| (r.seq(), r.clone())).collect();
            let unknown_upto = oldest.previous();
            self.lives.push(Life {
                epoch,
                shared: Seq::ZERO,
                began_at: head,
                unknown_upto,
                records,
                opening_failed: false,
            });
            return Ok(());
        };
        let shown: BTreeMap<Seq, &Record> = shown.iter().map(|r| (r.seq(), r)).collect();
        if last.epoch == epoch {
            let mut wrong = Ok(());
            for (seq, record) in last.records.range(oldest..) {
                match shown.get(seq) {
                    None if self.damaged.contains(seq) => {}
                    None => wrong = wrong.and(Err(format!("committed record {seq} is gone after reopening"))),
                    Some(found) if *found != record => {
                        wrong = wrong.and(Err(format!("committed record {seq} has changed after reopening")));
                    }
                    Some(_) => {}
                }
            }
            // What had been written but not acknowledged when the process died, and survived.
            for (seq, record) in shown {
                last.records.entry(seq).or_insert_with(|| record.clone());
            }
            return wrong;
        }
        // A process that died within a removal has told nobody of it. Where nothing of the life before is left, what was
        // not known to be removed is lost.
        let was_oldest = if oldest <= head_of(last) { was_oldest.max(oldest) } else { was_oldest };
        // What was destroyed stays a part of what is shared, as a loss; at the end of the log nobody can tell it from what
        // was never written.
        let is_there = |seq: &Seq, record: &Record| {
            *seq < was_oldest || self.damaged.contains(seq) || shown.get(seq) == Some(&record)
        };
        let kept = last.records.range(..=shared).take_while(|(seq, record)| is_there(seq, record));
        let surviving: BTreeMap<Seq, Record> = kept.map(|(seq, record)| (*seq, record.clone())).collect();
        let mut wrong = Ok(());
        for (seq, record) in last.records.range(oldest..) {
            if *seq <= shared && !is_there(seq, record) {
                wrong =
                    wrong.and(Err(format!("committed record {seq} is gone, {shared} is said to be shared")));
            }
            if *seq > shared && shown.contains_key(seq) {
                wrong =
                    wrong.and(Err(format!("committed record {seq} is there, only {shared} is said to be")));
            }
        }
        let is_anew = surviving.is_empty();
        let shared = surviving.keys().next_back().copied().unwrap_or(Seq::ZERO);
        let mut records = surviving;
        records.extend(shown.iter().map(|(seq, record)| (*seq, (*record).clone())));
        let unknown_upto = if is_anew { oldest.previous() } else { last.unknown_upto };
        self.lives.push(Life { epoch, shared, began_at: head, unknown_upto, records, opening_failed: false });
        wrong
    }

    /// Who holds what at the head.
    #[must_use]
    pub fn grants_at_head(&self) -> BTreeMap<Account, BTreeSet<Topic>> {
        let mut grants: BTreeMap<Account, BTreeSet<Topic>> = BTreeMap::new();
        for record in self.lives.iter().next_back().into_iter().flat_map(|life| life.records.values()) {
            match record {
                Record::Granted { account, topic, .. } => {
                    grants.entry(account.clone()).or_default().insert(topic.clone());
                }
                Record::Revoked { account, topic, .. } => {
                    grants.entry(account.clone()).or_default().remove(topic);
                }
                Record::Event(_) => {}
            }
        }
        grants
    }
}

fn head_of(life: &Life) -> Seq {
    life.records.keys().next_back().map_or(life.began_at, |last| life.began_at.max(*last))
}
