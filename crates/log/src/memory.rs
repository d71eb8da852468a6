//! The log in memory: the same promises for as long as the process lives.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bowline_proto::{Account, Epoch, LoggedEvent, Page, Query, Record, Seq, Timestamp, Topic};

use crate::config::SegmentConfig;
use crate::epochs::Epochs;
use crate::grants::Grants;
use crate::keys::Keys;
use crate::page::{PageBuilder, Start};
use crate::places::{self, Known};
use crate::reader::{Reader, Span};
use crate::replayed::apply_right;
use crate::store::{Appended, Batch, LogStore, Status, StoreError};
use crate::topics::Topics;

/// What a record costs besides its text, in bytes.
const RECORD_BYTES: u64 = 160;

/// A log that ends with the process. Of a [`SegmentConfig`] it follows retention (record by record) and the bound on keys.
#[derive(Debug)]
pub struct MemoryStore {
    config: SegmentConfig,
    view: RwLock<View>,
    writer: Mutex<Writer>,
}

/// What readers see; appended records too, which `head` separates.
#[derive(Debug)]
struct View {
    head: Seq,
    epochs: Epochs,
    topics: Topics,
    grants: Grants,
    /// All retained records from `oldest` on; a grant record has no event.
    rows: VecDeque<Row>,
    oldest: Seq,
    /// Positions of each topic's retained events.
    postings: HashMap<Topic, VecDeque<Seq>>,
    bytes: u64,
}

#[derive(Debug)]
struct Row {
    at: Timestamp,
    event: Option<LoggedEvent>,
}

#[derive(Debug)]
struct Writer {
    keys: Keys,
    last: Seq,
    pending: Vec<Record>,
    is_closed: bool,
}

impl MemoryStore {
    /// An empty log named `epoch`: 64 random bits.
    #[must_use]
    pub fn new(epoch: Epoch, config: SegmentConfig) -> Self {
        let oldest = Seq::ZERO.next();
        let view = View {
            head: Seq::ZERO,
            epochs: Epochs::new(epoch, oldest),
            topics: Topics::default(),
            grants: Grants::default(),
            rows: VecDeque::new(),
            oldest,
            postings: HashMap::new(),
            bytes: 0,
        };
        let writer = Writer { keys: Keys::default(), last: Seq::ZERO, pending: Vec::new(), is_closed: false };
        MemoryStore { config, view: RwLock::new(view), writer: Mutex::new(writer) }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn usable(&self) -> Result<(), StoreError> {
        if self.is_closed {
            return Err(StoreError::Failed(std::io::Error::other("the log is closed")));
        }
        Ok(())
    }
}

impl View {
    fn push(&mut self, record: &Record, at: Timestamp) {
        let event = match record {
            Record::Event(event) => {
                self.postings.entry(event.topic.clone()).or_default().push_back(event.seq);
                self.topics.advanced(&event.topic, event.seq);
                Some(event.clone())
            }
            Record::Granted { .. } | Record::Revoked { .. } => None,
        };
        apply_right(record, &self.topics, &mut self.grants);
        let row = Row { at, event };
        self.bytes += row.bytes();
        self.rows.push_back(row);
    }

    fn event(&self, seq: Seq) -> Option<&LoggedEvent> {
        let row = usize::try_from(seq.get().checked_sub(self.oldest.get())?).ok()?;
        self.rows.get(row)?.event.as_ref()
    }

    /// Tells `page` the events of `spans`, in order, until it is full.
    fn tell(&self, page: &mut PageBuilder, spans: &[Span]) {
        let mut turns = BinaryHeap::new();
        for span in spans {
            let Some(seqs) = self.postings.get(&span.topic) else { continue };
            let first = seqs.partition_point(|&seq| seq <= span.after);
            let upto = seqs.partition_point(|&seq| seq <= span.upto);
            if let Some(&seq) = seqs.get(first).filter(|_| first < upto) {
                turns.push(Reverse((seq, first, upto, &span.topic)));
            }
        }
        while let Some(Reverse((seq, at, upto, topic))) = turns.pop() {
            if page.is_full() {
                break;
            }
            if let Some(event) = self.event(seq) {
                page.event(event.clone());
            }
            let next = self.postings.get(topic).and_then(|seqs| seqs.get(at + 1)).filter(|_| at + 1 < upto);
            if let Some(&next) = next {
                turns.push(Reverse((next, at + 1, upto, topic)));
            }
        }
    }
}

impl Row {
    fn bytes(&self) -> u64 {
        RECORD_BYTES + self.event.as_ref().map_or(0, |event| event.text.len() as u64)
    }
}

impl LogStore for MemoryStore {
    fn append(&self, batches: &[Batch], now: Timestamp) -> Result<Vec<Appended>, StoreError> {
        let mut writer = self.writer();
        let writer = &mut *writer;
        writer.usable()?;
        let plan = {
            let view = self.view();
            let known =
                Known { last: writer.last, topics: &view.topics, grants: &view.grants, keys: &writer.keys };
            places::plan(batches, &known, now)
        };
        {
            let mut view = self.view_mut();
            plan.records.iter().for_each(|record| view.push(record, now));
        }
        writer.last = plan.records.last().map_or(writer.last, Record::seq);
        for (key, used) in plan.batches.into_iter().filter_map(|batch| batch.key) {
            writer.keys.remember(key.account, key.key, used, self.config.max_keys);
        }
        writer.pending.extend(plan.records);
        Ok(plan.outcomes)
    }

    fn commit(&self) -> Result<Arc<[Record]>, StoreError> {
        let mut writer = self.writer();
        writer.usable()?;
        self.view_mut().head = writer.last;
        Ok(core::mem::take(&mut writer.pending).into())
    }

    fn read(&self, query: &Query) -> Result<Page, StoreError> {
        let view = self.view();
        let head = view.head;
        let reader = Reader::new(query, &view.grants);
        let start = Start::new(query, &reader, &view.epochs, &view.topics, view.oldest, head);
        let spans = reader.spans(start.from, head);
        let records = reader.records(start.from, view.oldest, head);
        let mut page = PageBuilder::new(query, start, records);
        view.tell(&mut page, &spans);
        Ok(page.finish(head))
    }

    fn grants(&self, account: &Account) -> (Vec<Topic>, Seq) {
        let view = self.view();
        (view.grants.at(account, view.head), view.head)
    }

    fn status(&self) -> Status {
        let view = self.view();
        let epoch = view.epochs.current().epoch;
        Status { epoch, head: view.head, oldest: view.oldest, bytes: view.bytes }
    }

    fn retain(&self, now: Timestamp) -> Result<Seq, StoreError> {
        let writer = self.writer();
        writer.usable()?;
        let age = self.config.retain_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let mut view = self.view_mut();
        let view = &mut *view;
        let mut removed: BTreeMap<Topic, Vec<Seq>> = BTreeMap::new();
        while view.oldest <= view.head {
            let is_large = self.config.retain_bytes.is_some_and(|most| view.bytes > most);
            let is_old = |row: &Row| age.is_some_and(|age| now.0.saturating_sub(row.at.0) > age);
            if !view.rows.front().is_some_and(|row| is_large || is_old(row)) {
                break;
            }
            let Some(row) = view.rows.pop_front() else { break };
            view.bytes -= row.bytes();
            if let Some(event) = row.event {
                if let Some(seqs) = view.postings.get_mut(&event.topic) {
                    seqs.pop_front();
                }
                view.topics.removed(&event.topic, event.seq);
                removed.entry(event.topic).or_default().push(event.seq);
            }
            view.oldest = view.oldest.next();
        }
        view.grants.removed(view.oldest, |topic, after, before| {
            let seqs = removed.get(topic)?;
            let upto = seqs.partition_point(|&seq| seq < before);
            seqs[..upto].last().copied().filter(|&seq| seq > after)
        });
        Ok(view.oldest)
    }

    fn close(&self) -> Result<(), StoreError> {
        if !self.writer().is_closed {
            self.commit()?;
            self.writer().is_closed = true;
        }
        Ok(())
    }
}
