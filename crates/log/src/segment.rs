//! What a segment file holds: a header, a snapshot, then batches, each a head and its records.

use std::io;

use bowline_proto::{Account, LoggedEvent, Record, Seq, Timestamp, Topic};
use bytes::Bytes;

use crate::codec::{Take, count, put_seq, put_text, put_u32, put_u64};
use crate::disk::DiskFile;
use crate::epochs::Epochs;
use crate::frame::{self, FRAME_BYTES, Frame, Tag};
use crate::grants::Grants;
use crate::keys::{Keys, Use};
use crate::places::{Plan, PlannedBatch};
use crate::store::IdempotencyKey;
use crate::topics::Topics;

const MAGIC: &[u8; 8] = b"bowline\n";
/// Version of the format. A reader refuses every other.
pub(crate) const VERSION: u32 = 3;
/// Bytes of the header's frame: magic, version, number, previous, its time, base, made at.
pub(crate) const HEADER_BYTES: usize = FRAME_BYTES + 8 + 4 + 5 * 8;

/// The first frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Which segment.
    pub(crate) number: u64,
    /// The last position before this segment.
    pub(crate) previous: Seq,
    /// When the last batch before this segment was written.
    pub(crate) previous_at: Timestamp,
    /// Its first position.
    pub(crate) base: Seq,
    /// When it was made.
    pub(crate) made_at: Timestamp,
}

/// What the start of a file turned out to be.
#[derive(Debug)]
pub(crate) enum Start<T> {
    Ours(T),
    /// Ours, but written by another version.
    Version(u32),
    Damaged,
}

impl Header {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        frame::put(out, Tag::Header, |out| {
            out.extend_from_slice(MAGIC);
            put_u32(out, VERSION);
            put_u64(out, self.number);
            put_seq(out, self.previous);
            put_u64(out, self.previous_at.0);
            put_seq(out, self.base);
            put_u64(out, self.made_at.0);
        });
    }

    pub(crate) fn parse(bytes: &[u8]) -> Start<Header> {
        let Some(frame) = frame::first(bytes).filter(|frame| frame.tag == Tag::Header) else {
            return Start::Damaged;
        };
        let mut from = Take(frame.body);
        match (from.bytes(8), from.u32()) {
            (Some(magic), Some(VERSION)) if magic == MAGIC => {}
            (Some(magic), Some(version)) if magic == MAGIC => return Start::Version(version),
            _ => return Start::Damaged,
        }
        let mut rest = || {
            Some(Header {
                number: from.u64()?,
                previous: from.seq()?,
                previous_at: Timestamp(from.u64()?),
                base: from.seq()?,
                made_at: Timestamp(from.u64()?),
            })
        };
        // The first position is 1.
        rest().filter(|header| header.base > Seq::ZERO).map_or(Start::Damaged, Start::Ours)
    }

    pub(crate) fn read(file: &dyn DiskFile) -> io::Result<Start<Header>> {
        let mut bytes = [0; HEADER_BYTES];
        let filled = file.read_at(&mut bytes, 0)?;
        Ok(Header::parse(&bytes[..filled]))
    }
}

/// Everything that the records before a segment mean for those behind.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The first segment that retention had left.
    pub(crate) oldest_number: u64,
    /// Its first position.
    pub(crate) oldest: Seq,
    pub(crate) epochs: Epochs,
    pub(crate) topics: Topics,
    pub(crate) grants: Grants,
    pub(crate) keys: Keys,
}

impl Snapshot {
    pub(crate) fn borrowed(&self) -> SnapshotOf<'_> {
        SnapshotOf {
            oldest_number: self.oldest_number,
            oldest: self.oldest,
            epochs: &self.epochs,
            topics: &self.topics,
            grants: &self.grants,
            keys: &self.keys,
        }
    }

    pub(crate) fn take(frame: &Frame<'_>, max_keys: usize) -> Option<Snapshot> {
        if frame.tag != Tag::Snapshot {
            return None;
        }
        let mut from = Take(frame.body);
        Some(Snapshot {
            oldest_number: from.u64()?,
            oldest: from.seq()?,
            epochs: Epochs::take(&mut from)?,
            topics: Topics::take(&mut from)?,
            grants: Grants::take(&mut from)?,
            keys: Keys::take(&mut from, max_keys)?,
        })
    }
}

/// What a snapshot is written from.
#[derive(Debug)]
pub(crate) struct SnapshotOf<'a> {
    pub(crate) oldest_number: u64,
    pub(crate) oldest: Seq,
    pub(crate) epochs: &'a Epochs,
    pub(crate) topics: &'a Topics,
    pub(crate) grants: &'a Grants,
    pub(crate) keys: &'a Keys,
}

impl SnapshotOf<'_> {
    pub(crate) fn put(&self, out: &mut Vec<u8>, now: Timestamp) {
        frame::put(out, Tag::Snapshot, |out| {
            put_u64(out, self.oldest_number);
            put_seq(out, self.oldest);
            self.epochs.put(out);
            self.topics.put(out);
            self.grants.put(out);
            self.keys.put(out, now);
        });
    }
}

/// Header and snapshot of a segment file, and where its batches start.
pub(crate) fn read_start(bytes: &[u8], max_keys: usize) -> Start<(Header, Snapshot, usize)> {
    match Header::parse(bytes) {
        Start::Ours(header) => {
            let frame = bytes.get(HEADER_BYTES..).and_then(frame::first);
            let snapshot = frame.and_then(|frame| Some((Snapshot::take(&frame, max_keys)?, frame.size())));
            snapshot.map_or(Start::Damaged, |(snapshot, size)| {
                Start::Ours((header, snapshot, HEADER_BYTES + size))
            })
        }
        Start::Version(version) => Start::Version(version),
        Start::Damaged => Start::Damaged,
    }
}

/// Bytes of the batches of `plan`, and where in them each record's frame starts and ends.
pub(crate) fn write_batches(plan: &Plan, committed: Seq, at: Timestamp) -> (Vec<u8>, Vec<(usize, usize)>) {
    let texts: usize = plan.records.iter().map(text_bytes).sum();
    let mut out = Vec::with_capacity(texts + 128 * (plan.records.len() + plan.batches.len()));
    let mut places = Vec::with_capacity(plan.records.len());
    let mut records = plan.records.iter();
    for batch in &plan.batches {
        put_batch_head(&mut out, batch, committed, at);
        for record in records.by_ref().take(batch.records) {
            let start = out.len();
            put_record(&mut out, record);
            places.push((start, out.len()));
        }
    }
    (out, places)
}

fn text_bytes(record: &Record) -> usize {
    match record {
        Record::Event(event) => event.text.len(),
        Record::Granted { .. } | Record::Revoked { .. } => 0,
    }
}

fn put_batch_head(out: &mut Vec<u8>, batch: &PlannedBatch, committed: Seq, at: Timestamp) {
    frame::put(out, Tag::Batch, |out| {
        put_u32(out, count(batch.records));
        put_seq(out, committed);
        put_u64(out, at.0);
        out.push(u8::from(batch.key.is_some()));
        if let Some((key, used)) = &batch.key {
            put_text(out, key.account.as_str());
            put_text(out, &key.key);
            used.put(out);
        }
    });
}

fn put_record(out: &mut Vec<u8>, record: &Record) {
    match record {
        Record::Event(event) => frame::put(out, Tag::Event, |out| {
            put_seq(out, event.seq);
            put_seq(out, event.prev);
            put_text(out, event.topic.as_str());
            out.extend_from_slice(&event.text);
        }),
        Record::Granted { seq, account, topic } => {
            frame::put(out, Tag::Granted, |out| put_right(out, *seq, account, topic));
        }
        Record::Revoked { seq, account, topic } => {
            frame::put(out, Tag::Revoked, |out| put_right(out, *seq, account, topic));
        }
    }
}

fn put_right(out: &mut Vec<u8>, seq: Seq, account: &Account, topic: &Topic) {
    put_seq(out, seq);
    put_text(out, account.as_str());
    put_text(out, topic.as_str());
}

/// A batch as it was found. Its records' texts are slices of the file.
#[derive(Debug)]
pub(crate) struct FoundBatch<'a> {
    /// When it was written.
    pub(crate) at: Timestamp,
    pub(crate) key: Option<(IdempotencyKey, Use)>,
    pub(crate) records: Vec<FoundRecord<'a>>,
    /// Behind its last frame.
    pub(crate) end: usize,
}

/// A record as it was found.
#[derive(Debug)]
pub(crate) struct FoundRecord<'a> {
    pub(crate) what: What<'a>,
    pub(crate) seq: Seq,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug)]
pub(crate) enum What<'a> {
    Event { prev: Seq, topic: &'a str, text: &'a [u8] },
    Granted { account: Account, topic: Topic },
    Revoked { account: Account, topic: Topic },
}

/// What opens a batch.
#[derive(Debug)]
pub(crate) struct BatchHead {
    records: u32,
    /// The head of the log when the batch was written.
    pub(crate) committed: Seq,
    at: Timestamp,
    key: Option<(IdempotencyKey, Use)>,
    /// Behind its frame.
    pub(crate) end: usize,
}

/// The head of a batch that starts at `at`.
pub(crate) fn read_batch_head(bytes: &[u8], at: usize) -> Option<BatchHead> {
    let claimed = frame::claimed(bytes.get(at..)?).filter(|claimed| claimed.frame.tag == Tag::Batch)?;
    let mut from = Take(claimed.frame.body);
    let (records, committed, written_at) = (from.u32()?, from.seq()?, Timestamp(from.u64()?));
    let key = match from.u8()? {
        0 => None,
        1 => {
            let (account, key) = (from.account()?, from.text()?.to_owned());
            let used = Use::take(&mut from)?;
            Some((IdempotencyKey { account, key, body: used.body }, used))
        }
        _ => return None,
    };
    let end = at + claimed.frame.size();
    let is_whole = from.0.is_empty() && claimed.is_whole();
    is_whole.then_some(BatchHead { records, committed, at: written_at, key, end })
}

/// The whole batch that starts at `at`.
pub(crate) fn read_batch(bytes: &[u8], at: usize) -> Option<FoundBatch<'_>> {
    let BatchHead { records: rows, committed: _, at: written_at, key, mut end } = read_batch_head(bytes, at)?;
    let mut records = Vec::new();
    for _ in 0..rows {
        let record = read_record(bytes, end)?;
        end = record.end;
        records.push(record);
    }
    Some(FoundBatch { at: written_at, key, records, end })
}

/// The record whose frame starts at `start`.
pub(crate) fn read_record(bytes: &[u8], start: usize) -> Option<FoundRecord<'_>> {
    let claimed = frame::claimed(bytes.get(start..)?)?;
    let mut from = Take(claimed.frame.body);
    let seq = from.seq()?;
    let what = match claimed.frame.tag {
        Tag::Event => What::Event { prev: from.seq()?, topic: from.text()?, text: from.0 },
        Tag::Granted => What::Granted { account: from.account()?, topic: from.topic()? },
        Tag::Revoked => What::Revoked { account: from.account()?, topic: from.topic()? },
        Tag::Header | Tag::Snapshot | Tag::Batch | Tag::Index | Tag::State => return None,
    };
    claimed.is_whole().then_some(FoundRecord { what, seq, start, end: start + claimed.frame.size() })
}

/// The event at `seq` of `topic`, whose frame `window` starts with at `at`; its text is a slice of the window.
pub(crate) fn read_event(window: &Bytes, at: usize, seq: Seq, topic: &Topic) -> Option<LoggedEvent> {
    let record = read_record(window, at)?;
    match record.what {
        What::Event { prev, topic: name, text } if record.seq == seq && name == topic.as_str() => {
            Some(LoggedEvent { seq, prev, topic: topic.clone(), text: window.slice_ref(text) })
        }
        What::Event { .. } | What::Granted { .. } | What::Revoked { .. } => None,
    }
}
