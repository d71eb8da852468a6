//! Where a mutation does harm, found the slow and plain way: from the records and the items, never by asking the checker.

use std::collections::BTreeSet;

use bowline_proto::{Epoch, GrantScope, Record, Seq, Topic};

use crate::digest::Digest;
use crate::generator::has_right;
use crate::history::{Attempt, History, Reader, Seen};
use crate::truth::Life;

/// One item of one reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) reader: usize,
    pub(super) item: usize,
}

/// The items of a reader that were not forgotten with its process, in order.
pub(super) fn kept(reader: &Reader) -> Vec<usize> {
    let (mut kept, mut saved) = (Vec::with_capacity(reader.items.len()), 0);
    for (index, item) in reader.items.iter().enumerate() {
        match item {
            Seen::Saved { .. } => saved = kept.len(),
            Seen::Restarted { .. } => kept.truncate(saved),
            _ => {}
        }
        kept.push(index);
    }
    kept
}

/// Where the last start of a reader lies: what comes at or below it owes nothing to anybody.
pub(super) fn base(reader: &Reader) -> Option<Seq> {
    let bases = reader.items.iter().filter_map(|item| match item {
        Seen::Based { seq, .. } => Some(*seq),
        _ => None,
    });
    bases.max()
}

/// Every event of every reader whose loss, doubling or going astray is harm: above its start, of a topic that it
/// always hears.
pub(super) fn events(history: &History) -> Vec<Site> {
    sites(history, |reader, base, item| match item {
        Seen::Event { seq, topic, .. } => *seq > base && !reader.asked.contains(topic),
        _ => false,
    })
}

/// Every gap of every reader, above its start, of a topic that it always hears.
pub(super) fn gaps(history: &History) -> Vec<Site> {
    sites(history, |reader, base, item| match item {
        Seen::Gap { after, topic, .. } => *after >= base && !reader.asked.contains(topic),
        _ => false,
    })
}

/// Items that were not forgotten and that `fits` likes.
pub(super) fn sites(history: &History, fits: impl Fn(&Reader, Seq, &Seen) -> bool) -> Vec<Site> {
    let mut found = Vec::new();
    for (number, reader) in history.readers.iter().enumerate() {
        let Some(base) = base(reader) else { continue };
        for item in kept(reader) {
            if fits(reader, base, &reader.items[item]) {
                found.push(Site { reader: number, item });
            }
        }
    }
    found
}

/// An event as it was handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handed<'a> {
    pub(super) epoch: Epoch,
    pub(super) topic: &'a Topic,
    pub(super) seq: Seq,
}

pub(super) fn event(item: &Seen) -> Option<Handed<'_>> {
    match item {
        Seen::Event { epoch, topic, seq, .. } => Some(Handed { epoch: *epoch, topic, seq: *seq }),
        _ => None,
    }
}

pub(super) fn life(history: &History, epoch: Epoch) -> Option<&Life> {
    history.truth.lives().iter().find(|life| life.epoch == epoch)
}

/// The life in which a reader is at an item: that of the last item before it which names one.
pub(super) fn life_at(history: &History, site: Site) -> Option<&Life> {
    let items = &history.readers[site.reader].items;
    let kept = kept(&history.readers[site.reader]);
    let named =
        kept.iter().rev().filter(|index| **index <= site.item).find_map(|index| match &items[*index] {
            Seen::Event { epoch, .. } | Seen::Accepted { epoch } | Seen::Based { epoch, .. } => Some(*epoch),
            Seen::Moved { cursor } => Some(cursor.epoch),
            _ => None,
        });
    life(history, named?)
}

/// The seqs of `topic` in `life` that `reader` has a right to, between the bounds, both excluded.
pub(super) fn visible(reader: &Reader, life: &Life, topic: &Topic, after: Seq, before: Seq) -> Vec<Seq> {
    if before <= after.next() {
        return Vec::new();
    }
    let is_followed = match &reader.granted {
        GrantScope::All => true,
        GrantScope::Only(topics) => topics.contains(topic),
    };
    let is_open = reader.open.contains(topic) || reader.asked.contains(topic);
    let mut holds = has_right(reader, &life.records, topic, after);
    let mut seen = Vec::new();
    for (seq, record) in life.records.range(after.next()..before) {
        match record {
            Record::Event(event) if holds && event.topic == *topic => seen.push(*seq),
            Record::Granted { account, topic: of, .. } if *account == reader.account && of == topic => {
                holds |= is_followed;
            }
            Record::Revoked { account, topic: of, .. } if *account == reader.account && of == topic => {
                holds = is_open;
            }
            _ => {}
        }
    }
    seen
}

/// Whether a later item shows that something of `topic` at `seq` is missing: a later event of the topic in the same life, or
/// the end of a reader that must be caught up there.
pub(super) fn is_missed(history: &History, site: Site, epoch: Epoch, topic: &Topic, seq: Seq) -> bool {
    let reader = &history.readers[site.reader];
    let is_later = |index: &usize| {
        *index > site.item
            && event(&reader.items[*index])
                .is_some_and(|other| other.epoch == epoch && other.topic == topic && other.seq > seq)
    };
    let ends_there = history.truth.lives().last().is_some_and(|life| life.epoch == epoch);
    let stays = kept(reader);
    stays.iter().any(is_later) || (reader.must_be_caught_up && ends_there)
}

/// Whether another gap of the reader, not forgotten, says that one of `seqs` of `topic` is lost.
pub(super) fn is_told_elsewhere(history: &History, site: Site, topic: &Topic, seqs: &[Seq]) -> bool {
    let reader = &history.readers[site.reader];
    kept(reader).into_iter().filter(|index| *index != site.item).any(|index| {
        matches!(&reader.items[index], Seen::Gap { topic: of, after, before, .. }
            if of == topic && seqs.iter().any(|seq| after < seq && seq < before))
    })
}

/// What the reader was handed of `topic` in `epoch` and did not forget.
pub(super) fn handed(history: &History, reader: usize, epoch: Epoch, topic: &Topic) -> BTreeSet<Seq> {
    let reader = &history.readers[reader];
    let items = kept(reader).into_iter().filter_map(|index| event(&reader.items[index]));
    items.filter(|handed| handed.epoch == epoch && handed.topic == topic).map(|handed| handed.seq).collect()
}

/// How far from `item` on nothing but events, gaps and positions of one life come: what is put there stays in that life.
pub(super) fn stretch(history: &History, site: Site) -> usize {
    let items = &history.readers[site.reader].items;
    let Some(first) = event(&items[site.item]) else { return site.item };
    let same = |item: &Seen| match item {
        Seen::Event { epoch, .. } | Seen::Accepted { epoch } => *epoch == first.epoch,
        Seen::Moved { cursor } => cursor.epoch == first.epoch,
        Seen::Gap { .. } | Seen::Saved { .. } | Seen::Followed { .. } | Seen::Left { .. } => true,
        Seen::Based { .. } | Seen::Restarted { .. } => false,
    };
    let end = items[site.item + 1..].iter().position(|item| !same(item));
    end.map_or(items.len(), |end| site.item + 1 + end)
}

/// Whether `record` is what `entry` asked for.
pub(super) fn is_of(record: &Record, entry: &Attempt) -> bool {
    let (Record::Event(event), Attempt::Event { topic, payload }) = (record, entry) else { return false };
    let text = String::from_utf8_lossy(&event.text);
    let Some((_, rest)) = text.split_once("\"payload\":") else { return false };
    event.topic == *topic && Digest::of(&rest.as_bytes()[..rest.len() - 1]) == *payload
}
