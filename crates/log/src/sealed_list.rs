//! Which sealed segments there are, and where some are missing.

use core::ops::Range;

use bowline_proto::Seq;

use crate::disk::{Disk, Open, unusable};
use crate::found::Recovery;
use crate::index::Index;
use crate::names;
use crate::reader::before;
use crate::replayed::Replayed;
use crate::sealed::{self, Sealed};
use crate::segment::{self, Header, Start};
use crate::store::StoreError;

/// The segments before the newest, with entries for stretches that no file tells of.
pub(crate) fn sealed_segments(
    disk: &dyn Disk,
    base: &Replayed,
    logs: &[u64],
    recovery: &mut Recovery,
) -> Result<Vec<Sealed>, StoreError> {
    let mut known: Vec<(Header, u64)> = Vec::new();
    for &number in logs.iter().filter(|&&number| number >= base.snapshot.oldest_number) {
        let name = names::log(number);
        let file = disk.open(&name, Open::Existing).map_err(|error| unusable(disk, &name, error))?;
        if let Ok(Start::Ours(header)) = Header::read(&*file)
            && header.number == number
        {
            known.push((header, file.size().unwrap_or(0)));
        }
    }
    known.push((base.header, 0));
    leave_out_left_behind(&mut known);
    let mut sealed = Vec::new();
    // The next number and position to be accounted for.
    let (mut number, mut next) = (base.snapshot.oldest_number, base.snapshot.oldest);
    for pair in 0..known.len() {
        let (header, bytes) = known[pair];
        while number < header.number {
            // Nobody tells where one missing segment ends and the next starts, unless an index file is left.
            let index = index_of(disk, number)?;
            // One of a segment that a new epoch has left behind is no part of this history.
            let index = index.filter(|index| index.base() >= next && index.last() <= header.previous);
            let (first, last) = match &index {
                Some(index) => (index.base(), index.last()),
                None => {
                    let later = start_of_later(disk, logs, number + 1..header.number)?;
                    (next, later.map_or(header.previous, before).min(header.previous))
                }
            };
            if first <= last {
                recovery.missing_segments.push(number);
                sealed.push(Sealed { number, base: first, last, bytes: 0, written_at: header.previous_at });
                next = last.next();
            }
            number += 1;
        }
        if let Some((following, _)) = known.get(pair + 1) {
            let is_next = following.number == header.number + 1;
            let last = match is_next {
                true => following.previous,
                false => {
                    let later = start_of_later(disk, logs, header.number + 1..following.number)?;
                    let at_most = later.map_or(following.previous, before).min(following.previous);
                    end_of(disk, &header, at_most)?
                }
            };
            let written_at = following.previous_at;
            number = header.number + 1;
            if header.base <= last {
                sealed.push(Sealed { number: header.number, base: header.base, last, bytes, written_at });
                next = last.next();
            }
        }
    }
    Ok(sealed)
}

/// One that says to start behind where a later one does is none of this history: a new epoch has left it behind.
fn leave_out_left_behind(known: &mut Vec<(Header, u64)>) {
    let mut previous = Seq::MAX;
    known.reverse();
    known.retain(|(header, _)| {
        let is_ours = header.previous <= previous;
        previous = previous.min(header.previous);
        is_ours
    });
    known.reverse();
}

/// Where the first of these segments starts that an index file is left of, or a segment file without a whole start.
fn start_of_later(disk: &dyn Disk, logs: &[u64], numbers: Range<u64>) -> Result<Option<Seq>, StoreError> {
    for number in numbers {
        let by_index = index_of(disk, number)?.map(|index| index.base());
        let start = match by_index {
            None if logs.contains(&number) => first_in(&bytes_of(disk, number)?),
            known => known,
        };
        if start.is_some() {
            return Ok(start);
        }
    }
    Ok(None)
}

fn index_of(disk: &dyn Disk, number: u64) -> Result<Option<Index>, StoreError> {
    sealed::read_index(disk, number).map_err(|error| unusable(disk, &names::index(number), error))
}

fn bytes_of(disk: &dyn Disk, number: u64) -> Result<Vec<u8>, StoreError> {
    let name = names::log(number);
    let bytes = sealed::read_if_there(disk, &name).map_err(|error| unusable(disk, &name, error))?;
    Ok(bytes.unwrap_or_default())
}

/// Where a segment starts by the first of its frames that can be read. It is started when everything before it is
/// committed: a batch's head names the position before its first one, or a later one of the same segment.
fn first_in(bytes: &[u8]) -> Option<Seq> {
    (0..bytes.len()).find_map(|at| {
        let base = segment::read_batch_head(bytes, at).map(|head| head.committed.next());
        base.or_else(|| segment::read_record(bytes, at).map(|record| record.seq))
    })
}

/// The last position of a segment whose successor is missing. Where damage hides it, everything up to `at_most` counts as
/// this segment's, so that what can't be found in it is told.
fn end_of(disk: &dyn Disk, header: &Header, at_most: Seq) -> Result<Seq, StoreError> {
    if let Some(index) = index_of(disk, header.number)? {
        return Ok(index.last().min(at_most));
    }
    let bytes = bytes_of(disk, header.number)?;
    let Start::Ours((_, _, mut at)) = segment::read_start(&bytes, 0) else { return Ok(at_most) };
    let mut last = before(header.base);
    while let Some(batch) = segment::read_batch(&bytes, at) {
        last = batch.records.last().map_or(last, |record| record.seq);
        at = batch.end;
    }
    Ok(if at == bytes.len() { last.min(at_most) } else { at_most })
}
