//! Where in a segment the events of a topic stand, and what of the segment is lost.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use bowline_proto::{Seq, Topic};

use crate::codec::{Take, count, put_seq, put_text, put_u32, put_u64};
use crate::frame::{self, Tag};
use crate::reader::Span;

/// The offset of a record that is not there.
const NOWHERE: u32 = u32::MAX;

/// The index of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// Which segment: a whole index of another one says nothing about it.
    number: u64,
    /// The position of the first record.
    base: Seq,
    /// Where each record's frame starts; a record's row is its position less `base`.
    offsets: Vec<u32>,
    /// Behind the last record's frame.
    end: u32,
    /// The rows of each topic's events, growing.
    postings: HashMap<Topic, Vec<u32>>,
    /// Stretches that are lost, growing.
    pub(crate) holes: Vec<Hole>,
}

/// Positions that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) first: Seq,
    pub(crate) last: Seq,
    /// The topics that lost events here, each with the last one; `None` when that can't be known.
    pub(crate) topics: Option<BTreeMap<Topic, Seq>>,
}

/// An event of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) seq: Seq,
    /// Which of the spans asked for.
    pub(crate) span: usize,
    /// Where its frame starts, and a position at or behind its end.
    pub(crate) bytes: (u32, u32),
}

impl Index {
    pub(crate) fn new(number: u64, base: Seq, start: u32) -> Self {
        Index { number, base, offsets: Vec::new(), end: start, postings: HashMap::new(), holes: Vec::new() }
    }

    /// The index of a segment that is lost as a whole.
    pub(crate) fn lost(number: u64, hole: Hole) -> Self {
        let mut index = Index::new(number, hole.first, 0);
        index.holes.push(hole);
        index
    }

    pub(crate) fn base(&self) -> Seq {
        self.base
    }

    /// The position of the last record; the one before `base` when there is none.
    pub(crate) fn last(&self) -> Seq {
        let rows = self.base.get() + self.offsets.len() as u64;
        let hole = self.holes.last().map_or(0, |hole| hole.last.get());
        Seq::new((rows - 1).max(hole)).unwrap_or(Seq::MAX)
    }

    /// Bytes of memory, roughly.
    pub(crate) fn weight(&self) -> usize {
        4 * self.offsets.len() + self.postings.iter_weight()
    }

    /// A record at `offset`, up to `end`. Positions between the last one and this stay empty.
    pub(crate) fn add(&mut self, seq: Seq, offset: u32, end: u32) {
        let row = self.row(seq);
        if self.offsets.len() < row {
            self.offsets.resize(row, NOWHERE);
        }
        self.offsets.push(offset);
        self.end = end;
    }

    /// These positions are events of `topic`.
    pub(crate) fn post(&mut self, topic: &Topic, seqs: &[Seq]) {
        let base = self.base.get();
        let rows = seqs.iter().map(|seq| u32::try_from(seq.get() - base).unwrap_or(NOWHERE));
        match self.postings.get_mut(topic) {
            Some(posting) => posting.extend(rows),
            None => {
                self.postings.insert(topic.clone(), rows.collect());
            }
        }
    }

    /// The topics with events here, each with its last one.
    pub(crate) fn heads(&self) -> BTreeMap<&Topic, Seq> {
        let heads = sorted(&self.postings).into_iter();
        heads.filter_map(|(topic, rows)| rows.last().map(|&row| (topic, self.seq(row)))).collect()
    }

    /// The last event of `topic` here with `after < seq < before`, holes included.
    pub(crate) fn last_within(&self, topic: &Topic, after: Seq, before: Seq) -> Option<Seq> {
        let rows = self.postings.get(topic).map_or(&[][..], Vec::as_slice);
        let upto = rows.partition_point(|&row| self.seq(row) < before);
        let event = rows[..upto].last().map(|&row| self.seq(row)).filter(|&seq| seq > after);
        let lost = self.holes.iter().rev().filter_map(|hole| {
            let last = match &hole.topics {
                Some(topics) => *topics.get(topic)?,
                None => hole.last,
            };
            (hole.first < before && last > after).then(|| last.min(crate::reader::before(before)))
        });
        event.into_iter().chain(lost).max()
    }

    /// Events of `spans` with a greater position than `after`, in order, at most `max`.
    pub(crate) fn find(&self, spans: &[Span], after: Seq, max: usize) -> Vec<Found> {
        let mut found = Vec::new();
        let mut turns = BinaryHeap::new();
        for (at, span) in spans.iter().enumerate() {
            if span.upto < self.base || span.upto <= after {
                continue;
            }
            let Some(rows) = self.postings.get(&span.topic) else { continue };
            let after = span.after.max(after);
            let first = rows.partition_point(|&row| self.seq(row) <= after);
            let rows = &rows[first..rows.partition_point(|&row| self.seq(row) <= span.upto)];
            if let Some((&row, rest)) = rows.split_first() {
                turns.push(Reverse((row, at, rest)));
            }
        }
        while let Some(Reverse((row, span, rest))) = turns.pop() {
            if found.len() == max {
                break;
            }
            found.push(Found { seq: self.seq(row), span, bytes: self.bytes(row) });
            if let Some((&row, rest)) = rest.split_first() {
                turns.push(Reverse((row, span, rest)));
            }
        }
        found
    }

    fn seq(&self, row: u32) -> Seq {
        self.base.advanced_by(row.into())
    }

    fn row(&self, seq: Seq) -> usize {
        usize::try_from(seq.get() - self.base.get()).unwrap_or(usize::MAX)
    }

    fn bytes(&self, row: u32) -> (u32, u32) {
        let row = row as usize;
        let start = self.offsets.get(row).copied().unwrap_or(NOWHERE);
        let behind = self.offsets.iter().skip(row + 1).find(|&&offset| offset != NOWHERE);
        (start, behind.copied().unwrap_or(self.end))
    }

    /// The index file's content.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.weight());
        frame::put(&mut out, Tag::Index, |out| {
            put_u64(out, self.number);
            put_seq(out, self.base);
            put_u32(out, self.end);
            put_rows(out, &self.offsets);
            put_u32(out, count(self.postings.len()));
            for (topic, rows) in sorted(&self.postings) {
                put_text(out, topic.as_str());
                put_rows(out, rows);
            }
            put_u32(out, count(self.holes.len()));
            for hole in &self.holes {
                put_seq(out, hole.first);
                put_seq(out, hole.last);
                out.push(u8::from(hole.topics.is_some()));
                let topics = hole.topics.iter().flatten();
                put_u32(out, count(topics.clone().count()));
                for (topic, &last) in topics {
                    put_text(out, topic.as_str());
                    put_seq(out, last);
                }
            }
        });
        out
    }

    /// Reads the index file of segment `number`; `None` when it is damaged, another segment's, or says what can't be:
    /// readers rely on its order.
    pub(crate) fn from_bytes(bytes: &[u8], number: u64) -> Option<Index> {
        let frame = frame::first(bytes).filter(|frame| frame.tag == Tag::Index)?;
        let mut from = Take(frame.body);
        let mut index = Index::new(from.u64()?, from.seq()?, from.u32()?);
        index.offsets = take_rows(&mut from)?;
        for _ in 0..from.rows(6)? {
            let topic = from.topic()?;
            index.postings.insert(topic, take_rows(&mut from)?);
        }
        for _ in 0..from.rows(21)? {
            let (first, last, is_known) = (from.seq()?, from.seq()?, from.u8()? != 0);
            let mut topics = BTreeMap::new();
            for _ in 0..from.rows(10)? {
                topics.insert(from.topic()?, from.seq()?);
            }
            index.holes.push(Hole { first, last, topics: is_known.then_some(topics) });
        }
        (index.number == number && index.is_in_order()).then_some(index)
    }

    #[expect(clippy::iter_over_hash_type, reason = "whether all hold does not depend on the order")]
    fn is_in_order(&self) -> bool {
        let mut before = None;
        for &offset in self.offsets.iter().filter(|&&offset| offset != NOWHERE) {
            if before >= Some(offset) {
                return false;
            }
            before = Some(offset);
        }
        for rows in self.postings.values() {
            let is_within = rows.last().is_none_or(|&last| (last as usize) < self.offsets.len());
            if !is_within || !rows.is_sorted_by(|one, next| one < next) {
                return false;
            }
        }
        self.base > Seq::ZERO
            && before < Some(self.end)
            && self.holes.iter().all(|hole| hole.first <= hole.last)
            && self.holes.is_sorted_by(|one, next| one.last < next.first)
    }
}

/// What of an index does not depend on how its map is laid out.
trait Postings {
    fn iter_weight(&self) -> usize;
}

impl Postings for HashMap<Topic, Vec<u32>> {
    #[expect(clippy::iter_over_hash_type, reason = "a sum does not depend on the order")]
    fn iter_weight(&self) -> usize {
        let mut weight = 0;
        for (topic, rows) in self {
            weight += 96 + topic.as_str().len() + 4 * rows.len();
        }
        weight
    }
}

fn sorted(postings: &HashMap<Topic, Vec<u32>>) -> Vec<(&Topic, &Vec<u32>)> {
    let mut sorted: Vec<_> = postings.iter().collect();
    sorted.sort_unstable_by_key(|&(topic, _)| topic);
    sorted
}

fn put_rows(out: &mut Vec<u8>, rows: &[u32]) {
    put_u32(out, count(rows.len()));
    for &row in rows {
        put_u32(out, row);
    }
}

fn take_rows(from: &mut Take<'_>) -> Option<Vec<u32>> {
    let rows = from.rows(4)?;
    let bytes = from.bytes(4 * rows)?;
    Some(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_as_it_was_written_and_finds_in_order() {
        let seq = |n| Seq::new(n).unwrap();
        let [a, b] = ["conv:a", "conv:b"].map(|name| Topic::new(name).unwrap());
        let mut index = Index::new(7, seq(11), 100);
        for n in 0..6 {
            index.add(seq(11 + u64::from(n)), 100 + 50 * n, 150 + 50 * n);
        }
        index.post(&a, &[seq(11), seq(14)]);
        index.post(&b, &[seq(12), seq(15)]);
        index.post(&a, &[seq(16)]);
        index.holes.push(Hole { first: seq(17), last: seq(18), topics: Some([(a.clone(), seq(18))].into()) });
        index.holes.push(Hole { first: seq(19), last: seq(19), topics: None });
        assert_eq!(Index::from_bytes(&index.to_bytes(), 7).as_ref(), Some(&index));
        let spans = [
            Span { topic: a.clone(), after: seq(11), upto: seq(14) },
            Span { topic: b.clone(), after: seq(0), upto: seq(99) },
            Span { topic: a.clone(), after: seq(15), upto: seq(99) },
        ];
        let found = |after, max| {
            let found = index.find(&spans, seq(after), max).into_iter();
            found.map(|found| (found.seq.get(), found.span, found.bytes)).collect::<Vec<_>>()
        };
        assert_eq!(
            found(0, 9),
            [(12, 1, (150, 200)), (14, 0, (250, 300)), (15, 1, (300, 350)), (16, 2, (350, 400))]
        );
        assert_eq!(found(14, 1), [(15, 1, (300, 350))]);
        assert_eq!(index.last(), seq(19));
        assert_eq!(index.last_within(&a, seq(11), seq(16)), Some(seq(14)));
        assert_eq!(index.last_within(&a, seq(14), seq(16)), None);
    }

    #[test]
    fn an_index_that_says_what_cannot_be_is_none() {
        let seq = |n| Seq::new(n).unwrap();
        let topic = Topic::new("conv:a").unwrap();
        let hole = |first, last| Hole { first: seq(first), last: seq(last), topics: None };
        let good = || {
            let mut index = Index::new(7, seq(11), 100);
            index.add(seq(11), 100, 150);
            index.add(seq(13), 150, 200);
            index.post(&topic, &[seq(11), seq(13)]);
            index.holes = vec![hole(12, 12), hole(14, 15)];
            index
        };
        let is_read = |index: &Index| Index::from_bytes(&index.to_bytes(), 7).is_some();
        assert!(is_read(&good()));
        let spoilers: [fn(&mut Index); 9] = [
            |index| index.number = 8,
            |index| index.base = Seq::ZERO,
            |index| index.offsets.swap(0, 2),
            |index| index.offsets[2] = index.offsets[0],
            |index| index.end = 150,
            |index| index.postings.values_mut().for_each(|rows| rows.swap(0, 1)),
            |index| index.postings.values_mut().for_each(|rows| rows.push(3)),
            |index| index.holes.swap(0, 1),
            |index| index.holes[1].first = index.holes[1].last.next(),
        ];
        for (at, spoil) in spoilers.iter().enumerate() {
            let mut index = good();
            spoil(&mut index);
            assert!(!is_read(&index), "spoiler {at}");
        }
    }
}
