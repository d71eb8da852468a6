//! What a flipped byte of a log destroys, read off the format of `docs/log.md` and not off the code under test.

use bowline_proto::Seq;

/// What a byte of a segment file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Struck {
    /// An event, which can't be read any more.
    Event(Seq),
    /// Something that the segment's index, or the next snapshot, knows as well.
    Elsewhere,
}

/// What lies at offset `at` of a whole segment file.
pub(crate) fn struck(segment: &[u8], at: usize) -> Struck {
    let mut start = 0;
    while let Some(head) = segment.get(start..start + FRAME_BYTES) {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = start + FRAME_BYTES - 1 + length;
        if length == 0 || end > segment.len() {
            break;
        }
        if (start..end).contains(&at) {
            let seq = (head[FRAME_BYTES - 1] == EVENT).then(|| seq_at(&segment[start + FRAME_BYTES..end]));
            return seq.flatten().map_or(Struck::Elsewhere, Struck::Event);
        }
        start = end;
    }
    Struck::Elsewhere
}

/// Where the batches of a segment start: what lies before says what all earlier segments mean, and exists once.
pub(crate) fn batches_start(segment: &[u8]) -> usize {
    let mut start = 0;
    while let Some(head) =
        segment.get(start..start + FRAME_BYTES).filter(|head| head[FRAME_BYTES - 1] < BATCH)
    {
        start += FRAME_BYTES - 1 + u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    }
    start.min(segment.len())
}

fn seq_at(body: &[u8]) -> Option<Seq> {
    Seq::new(u64::from_le_bytes(body.get(..8)?.try_into().ok()?))
}

/// Length, checksum and tag.
const FRAME_BYTES: usize = 9;
/// The tag of a batch; a header's and a snapshot's are smaller.
const BATCH: u8 = 0xB3;
/// The tag of an event.
const EVENT: u8 = 0xB4;
