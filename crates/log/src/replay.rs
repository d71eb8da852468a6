//! How a reader's answer is read from segments: index first, then the dense stretches of records in large windows.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use bowline_proto::{GapReason, LoggedEvent, Page, Query, Seq};
use bytes::Bytes;

use crate::disk::{Disk, DiskFile};
use crate::index::{Found, Hole};
use crate::names;
use crate::page::{PageBuilder, Start};
use crate::reader::{Reader, Span, before, gap};
use crate::sealed::{self, Beside, Cache, Loaded, Sealed};
use crate::segment;
use crate::store::StoreError;
use crate::topics::Topics;
use crate::view::{Next, View};

/// Records closer than this are read in one piece: copying a page costs less than asking for it.
const NEAR_BYTES: u32 = 4096;
/// The largest piece.
const WINDOW_BYTES: u32 = 1 << 20;
/// How many records are looked up at a time.
const LOOKUP: usize = 4096;

/// Where a store's readers read.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) view: &'a RwLock<View>,
    pub(crate) cache: &'a Cache,
}

impl Replay<'_> {
    pub(crate) fn read(&self, query: &Query) -> Result<Page, StoreError> {
        loop {
            if let Some(page) = self.attempt(query)? {
                return Ok(page);
            }
        }
    }

    /// `None` when retention removed a segment that was about to be read.
    fn attempt(&self, query: &Query) -> Result<Option<Page>, StoreError> {
        let (mut page, spans, mut at, until, head) = self.start(query);
        while at < until && !page.is_full() {
            let want = page.records_left().min(LOOKUP);
            let next = self.view.read().unwrap_or_else(PoisonError::into_inner).next(&spans, at, want);
            match next {
                Next::Sealed(sealed, behind) => {
                    let Some(loaded) = self.load(&sealed, behind)? else { return Ok(None) };
                    let found = loaded.index.find(&spans, at, want);
                    let is_all = found.len() < want;
                    let upto = if is_all { sealed.last } else { found.last().map_or(sealed.last, |f| f.seq) };
                    let mut holes = loaded.index.holes.iter().filter(|hole| hole.last > at).peekable();
                    let mut rest = found.as_slice();
                    while let Some(hole) = holes.next_if(|hole| hole.first <= upto) {
                        let (front, back) = rest.split_at(rest.partition_point(|f| f.seq < hole.first));
                        events(&mut page, loaded.file.as_deref(), &spans, front)?;
                        tell_hole(&mut page, hole, &spans, at);
                        rest = back;
                    }
                    events(&mut page, loaded.file.as_deref(), &spans, rest)?;
                    at = upto;
                }
                Next::Open(file, found) => {
                    events(&mut page, Some(&*file), &spans, &found)?;
                    at = if found.len() < want { until } else { found.last().map_or(until, |f| f.seq) };
                }
            }
        }
        Ok(Some(page.finish(head)))
    }

    fn start(&self, query: &Query) -> (PageBuilder, Vec<Span>, Seq, Seq, Seq) {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let head = view.head;
        let reader = Reader::new(query, &view.grants);
        let start = Start::new(query, &reader, &view.epochs, &view.topics, view.oldest, head);
        let from = start.from;
        let spans = reader.spans(from, head);
        let records = reader.records(from, view.oldest, head);
        let until = spans.iter().map(|span| span.upto).max().unwrap_or(Seq::ZERO);
        let until = until.min(reader.last_event(&view.topics));
        (PageBuilder::new(query, start, records), spans, from, until, head)
    }

    fn load(&self, sealed: &Sealed, behind: u64) -> Result<Option<Arc<Loaded>>, StoreError> {
        if let Some(loaded) = self.cache.find(sealed.number) {
            return Ok(Some(loaded));
        }
        let loaded = sealed::load(self.disk, sealed, || beside(self.disk, self.view, sealed, behind));
        let loaded = Arc::new(loaded.map_err(StoreError::Failed)?);
        if loaded.file.is_none() {
            let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
            if view.oldest_number() > sealed.number {
                return Ok(None);
            }
        }
        self.cache.keep(sealed.number, Arc::clone(&loaded));
        Ok(Some(loaded))
    }
}

/// What the segment behind `sealed`, and the rights, tell of it.
pub(crate) fn beside(
    disk: &dyn Disk,
    view: &RwLock<View>,
    sealed: &Sealed,
    behind: u64,
) -> io::Result<Beside> {
    let heads = heads_before(disk, behind)?;
    let view = view.read().unwrap_or_else(PoisonError::into_inner);
    Ok(Beside { heads, rights: view.grants.positions(sealed.base, sealed.last) })
}

/// What the last events of the topics were before segment `number`, by its snapshot.
fn heads_before(disk: &dyn Disk, number: u64) -> io::Result<Option<Topics>> {
    let Some(bytes) = sealed::read_if_there(disk, &names::log(number))? else { return Ok(None) };
    Ok(match segment::read_start(&bytes, 0) {
        segment::Start::Ours((_, snapshot, _)) => Some(snapshot.topics),
        segment::Start::Version(_) | segment::Start::Damaged => None,
    })
}

/// A gap for each topic of the reader's that lost events in `hole`, or may have, in the order in which they begin.
fn tell_hole(page: &mut PageBuilder, hole: &Hole, spans: &[Span], at: Seq) {
    let mut gaps = Vec::new();
    for span in spans {
        let first = hole.first.max(at.next()).max(span.after.next());
        let last = hole.last.min(span.upto);
        let has_lost = match &hole.topics {
            Some(topics) => topics.get(&span.topic).is_some_and(|&lost| lost >= first),
            None => true,
        };
        if first <= last && has_lost {
            gaps.push(gap(&span.topic, before(first), last.next(), GapReason::Storage));
        }
    }
    gaps.sort_by_key(|gap| gap.after);
    gaps.into_iter().for_each(|gap| page.hole(gap));
}

/// Reads `found` and tells each event, or its loss.
fn events(
    page: &mut PageBuilder,
    file: Option<&dyn DiskFile>,
    spans: &[Span],
    found: &[Found],
) -> Result<(), StoreError> {
    let mut rest = found;
    while !rest.is_empty() && !page.is_full() {
        let (front, back) = rest.split_at(window_rows(rest, page.bytes_left()));
        let (start, end) = (front[0].bytes.0, front[front.len() - 1].bytes.1.max(front[0].bytes.0));
        let window = file.map(|file| read_window(file, start, end)).transpose()?.unwrap_or_default();
        let used: u32 = front.iter().map(|found| found.bytes.1.saturating_sub(found.bytes.0)).sum();
        let is_sparse = used < (end - start) / 2;
        for found in front {
            let topic = &spans[found.span].topic;
            let at = (found.bytes.0.saturating_sub(start)) as usize;
            match segment::read_event(&window, at, found.seq, topic) {
                Some(event) if is_sparse => {
                    // A slice would keep the whole window in memory for the sake of its smaller part.
                    let text = Bytes::copy_from_slice(&event.text);
                    page.event(LoggedEvent { text, ..event });
                }
                Some(event) => page.event(event),
                None => page.lost(topic, found.seq),
            }
        }
        rest = back;
    }
    Ok(())
}

/// How many of the rows lie close enough together to be read at once, and are wanted at all.
fn window_rows(found: &[Found], wanted: usize) -> usize {
    let (start, mut end) = found[0].bytes;
    let mut used = 0;
    for (rows, next) in found.iter().enumerate() {
        let (from, to) = next.bytes;
        let is_near = from <= end.saturating_add(NEAR_BYTES) && to.saturating_sub(start) <= WINDOW_BYTES;
        if rows > 0 && (!is_near || to <= start || used > wanted) {
            return rows;
        }
        used += to.saturating_sub(from) as usize;
        end = to;
    }
    found.len()
}

fn read_window(file: &dyn DiskFile, start: u32, end: u32) -> Result<Bytes, StoreError> {
    let mut window = vec![0; end.saturating_sub(start) as usize];
    let filled = file.read_at(&mut window, start.into()).map_err(StoreError::Failed)?;
    window.truncate(filled);
    Ok(window.into())
}
