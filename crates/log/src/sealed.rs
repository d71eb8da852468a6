//! How a sealed segment is read: by its index file, by an index made anew when that is damaged, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bowline_proto::{Seq, Timestamp, Topic};
use tracing::warn;

use crate::disk::{Disk, DiskFile, Open};
use crate::index::{Hole, Index};
use crate::names;
use crate::reader::before;
use crate::segment::{self, HEADER_BYTES, Start, What};
use crate::topics::Topics;

/// A segment that is not written any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) number: u64,
    /// Its first position.
    pub(crate) base: Seq,
    /// Its last position.
    pub(crate) last: Seq,
    /// Bytes on disk.
    pub(crate) bytes: u64,
    /// When its last batch was written.
    pub(crate) written_at: Timestamp,
}

/// What is needed to read a sealed segment.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) index: Index,
    /// `None`: the file is gone.
    pub(crate) file: Option<Arc<dyn DiskFile>>,
}

/// Loaded segments, as many as fit; the longest unused goes first.
#[derive(Debug)]
pub(crate) struct Cache {
    max_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By number: the segment, and when it was last used.
    segments: BTreeMap<u64, (Arc<Loaded>, u64)>,
    bytes: usize,
    /// Uses so far.
    uses: u64,
}

impl Cache {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Cache { max_bytes, kept: Mutex::default() }
    }

    pub(crate) fn find(&self, number: u64) -> Option<Arc<Loaded>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let (loaded, used) = kept.segments.get_mut(&number)?;
        *used = now;
        Some(Arc::clone(loaded))
    }

    pub(crate) fn keep(&self, number: u64, loaded: Arc<Loaded>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        kept.bytes += loaded.index.weight();
        if let Some((old, _)) = kept.segments.insert(number, (loaded, now)) {
            kept.bytes -= old.index.weight();
        }
        while kept.bytes > self.max_bytes && kept.segments.len() > 1 {
            let oldest = kept.segments.iter().min_by_key(|(_, (_, used))| *used).map(|(&number, _)| number);
            let Some((gone, _)) = oldest.and_then(|number| kept.segments.remove(&number)) else { break };
            kept.bytes -= gone.index.weight();
        }
    }

    pub(crate) fn forget(&self, number: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((gone, _)) = kept.segments.remove(&number) {
            kept.bytes -= gone.index.weight();
        }
    }
}

/// What is known of a segment beside its own files.
#[derive(Debug)]
pub(crate) struct Beside {
    /// The last event of each topic as of the segment's end, if that is known.
    pub(crate) heads: Option<Topics>,
    /// The positions in it at which rights began or ended: those hold no events.
    pub(crate) rights: BTreeSet<Seq>,
}

/// Opens `sealed`. `beside` is asked where it is damaged.
///
/// # Errors
/// A file is there and cannot be opened (the process may be out of descriptors), or the segment's file cannot be read:
/// nothing is said of what it holds.
pub(crate) fn load(
    disk: &dyn Disk,
    sealed: &Sealed,
    beside: impl FnOnce() -> io::Result<Beside>,
) -> io::Result<Loaded> {
    let file = open_if_there(disk, &names::log(sealed.number))?;
    if file.is_none() {
        warn!(segment = sealed.number, "a segment is gone");
    }
    let index = read_index(disk, sealed.number)?;
    if let Some(index) = index.filter(|index| index.base() == sealed.base && index.last() == sealed.last) {
        return Ok(Loaded { index, file });
    }
    let bytes = file.as_ref().map(|file| whole(&**file)).transpose()?;
    let index = match bytes {
        Some(bytes) => {
            let index = rebuild(&bytes, sealed, beside)?;
            if let Err(error) = write_index(disk, sealed.number, &index) {
                warn!(segment = sealed.number, %error, "the index of a segment cannot be written");
            }
            index
        }
        None => {
            let heads = beside()?.heads;
            let topics = heads.map(|topics| lost_topics(&topics, sealed.base, sealed.last));
            Index::lost(sealed.number, Hole { first: sealed.base, last: sealed.last, topics })
        }
    };
    Ok(Loaded { index, file })
}

fn lost_topics(heads: &Topics, first: Seq, last: Seq) -> BTreeMap<Topic, Seq> {
    let heads = heads.iter().filter(|(_, past)| past.head >= first && past.head <= last);
    heads.map(|(topic, past)| (topic.clone(), past.head)).collect()
}

/// What stood where rights began or ended was no event: a hole of nothing else is nobody's loss.
fn is_of_rights(hole: &Hole, rights: &BTreeSet<Seq>) -> bool {
    rights.range(hole.first..=hole.last).count() as u64 == hole.last.get() - hole.first.get() + 1
}

pub(crate) fn write_index(disk: &dyn Disk, number: u64, index: &Index) -> io::Result<()> {
    disk.open(&names::index(number), Open::Fresh)?.write_at(&index.to_bytes(), 0)
}

fn open_if_there(disk: &dyn Disk, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
    match disk.open(name, Open::Existing) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a file holds; `None` when it is not there, or the device does not give it.
///
/// # Errors
/// It is there and cannot be opened, which says nothing about what it holds.
pub(crate) fn read_if_there(disk: &dyn Disk, name: &str) -> io::Result<Option<Vec<u8>>> {
    Ok(open_if_there(disk, name)?.and_then(|file| whole(&*file).ok()))
}

/// The index file of segment `number`, where it is whole.
///
/// # Errors
/// As of [`read_if_there`].
pub(crate) fn read_index(disk: &dyn Disk, number: u64) -> io::Result<Option<Index>> {
    let bytes = read_if_there(disk, &names::index(number))?;
    Ok(bytes.and_then(|bytes| Index::from_bytes(&bytes, number)))
}

/// All bytes of `file`.
pub(crate) fn whole(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let size = usize::try_from(file.size()?).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = vec![0; size];
    let filled = file.read_at(&mut bytes, 0)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// Makes the index from the records that can be read. Frames are told from damage by their checksums alone: behind
/// damage the next whole frame is looked for byte by byte (no JSON text holds the zeros of a frame's length).
fn rebuild(bytes: &[u8], sealed: &Sealed, beside: impl FnOnce() -> io::Result<Beside>) -> io::Result<Index> {
    let mut at = match segment::read_start(bytes, 0) {
        Start::Ours((_, _, start)) => start,
        Start::Version(_) | Start::Damaged => HEADER_BYTES,
    };
    let mut index = Index::new(sealed.number, sealed.base, u32::try_from(at).unwrap_or(u32::MAX));
    let mut expected = sealed.base;
    let mut chains = Chains::default();
    while at < bytes.len() {
        let record = segment::read_record(bytes, at);
        if let Some(record) = record.filter(|record| record.seq >= expected && record.seq <= sealed.last) {
            chains.missing(expected, record.seq);
            let [start, end] = [record.start, record.end].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            index.add(record.seq, start, end);
            if let What::Event { prev, topic, .. } = record.what
                && let Ok(topic) = Topic::new(topic)
            {
                index.post(&topic, &[record.seq]);
                chains.follow(topic, prev, record.seq);
            }
            expected = record.seq.next();
            at = record.end;
        } else {
            at = segment::read_batch_head(bytes, at).map_or(at + 1, |head| head.end);
        }
    }
    chains.missing(expected, sealed.last.next());
    if !chains.holes.is_empty() {
        warn!(segment = sealed.number, holes = chains.holes.len(), "a segment is damaged");
        let beside = beside()?;
        match beside.heads {
            Some(heads) => {
                for (topic, past) in heads.iter().filter(|(_, past)| past.head >= sealed.base) {
                    chains.follow(topic.clone(), past.head, past.head.next());
                }
            }
            None => chains.holes.iter_mut().for_each(|hole| hole.topics = None),
        }
        for hole in chains.holes.iter_mut().filter(|hole| is_of_rights(hole, &beside.rights)) {
            hole.topics = Some(BTreeMap::new());
        }
    }
    index.holes = chains.holes;
    Ok(index)
}

/// Finds by the `prev` of what can be read which topics lost events.
#[derive(Debug, Default)]
struct Chains {
    holes: Vec<Hole>,
    /// The last event seen of each topic.
    seen: BTreeMap<Topic, Seq>,
}

impl Chains {
    /// Positions from `first` to before `next` cannot be read.
    fn missing(&mut self, first: Seq, next: Seq) {
        if first < next {
            self.holes.push(Hole { first, last: before(next), topics: Some(BTreeMap::new()) });
        }
    }

    /// The event of `topic` at `seq` follows on one at `prev`: when that is lost, all holes since the last one seen
    /// may have held others.
    fn follow(&mut self, topic: Topic, prev: Seq, seq: Seq) {
        let seen = self.seen.get(&topic).copied().unwrap_or(Seq::ZERO);
        if prev > seen {
            for hole in self.holes.iter_mut().filter(|hole| hole.last > seen && hole.first <= prev) {
                let lost = hole.last.min(prev);
                if let Some(topics) = &mut hole.topics {
                    topics.insert(topic.clone(), lost);
                }
            }
        }
        self.seen.insert(topic, seq);
    }
}
