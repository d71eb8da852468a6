//! How a piece of a file is told from damage: length, checksum, tag.
//!
//! `[length u32][crc32 u32][tag u8][body]`: the length counts tag and body; the checksum covers length, tag and body.

/// Bytes of a frame besides its body.
pub(crate) const FRAME_BYTES: usize = 9;

/// What a frame holds. Values spread over no common pattern of text or zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// First frame of a segment.
    Header = 0xB1,
    /// Second frame of a segment: all that the records before it mean for those behind.
    Snapshot = 0xB2,
    /// Opens a batch.
    Batch = 0xB3,
    /// An event.
    Event = 0xB4,
    /// A right given.
    Granted = 0xB5,
    /// A right taken.
    Revoked = 0xB6,
    /// The index of a sealed segment.
    Index = 0xB7,
    /// A slot of the state file.
    State = 0xB8,
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Tag> {
        Some(match byte {
            0xB1 => Tag::Header,
            0xB2 => Tag::Snapshot,
            0xB3 => Tag::Batch,
            0xB4 => Tag::Event,
            0xB5 => Tag::Granted,
            0xB6 => Tag::Revoked,
            0xB7 => Tag::Index,
            0xB8 => Tag::State,
            _ => return None,
        })
    }
}

/// A frame whose checksum holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) tag: Tag,
    pub(crate) body: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the whole frame.
    pub(crate) fn size(&self) -> usize {
        FRAME_BYTES + self.body.len()
    }
}

/// Appends a frame whose body `write` appends.
pub(crate) fn put(out: &mut Vec<u8>, tag: Tag, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.push(tag as u8);
    write(out);
    let length = u32::try_from(out.len() - start - 8).expect("a frame is smaller than 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&out[start..start + 4], &out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// What looks like a frame: its checksum has not been compared. Whoever looks for frames in damage byte by byte reads the
/// body first: of bytes that mean nothing, one in two thousand looks like a frame that reaches far behind them, and to sum
/// up all of those takes minutes.
#[derive(Debug)]
pub(crate) struct Claimed<'a> {
    pub(crate) frame: Frame<'a>,
    length: &'a [u8],
    content: &'a [u8],
    crc: u32,
}

impl Claimed<'_> {
    /// Its checksum holds.
    pub(crate) fn is_whole(&self) -> bool {
        checksum(self.length, self.content) == self.crc
    }
}

/// What `bytes` start with, if it looks like a frame.
pub(crate) fn claimed(bytes: &[u8]) -> Option<Claimed<'_>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let content = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let (&tag, body) = content.split_first()?;
    let frame = Frame { tag: Tag::from_byte(tag)?, body };
    Some(Claimed { frame, length, content, crc: u32::from_le_bytes(*crc) })
}

/// The frame that `bytes` start with.
pub(crate) fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    claimed(bytes).filter(Claimed::is_whole).map(|claimed| claimed.frame)
}

fn checksum(length: &[u8], content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(length);
    crc.update(content);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let mut bytes = Vec::new();
        put(&mut bytes, Tag::Event, |out| out.extend_from_slice(b"what happened"));
        assert_eq!(first(&bytes).unwrap().body, b"what happened");
        for at in 0..bytes.len() {
            assert!(first(&bytes[..at]).is_none());
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(first(&flipped).is_none(), "byte {at} bit {bit}");
            }
        }
    }
}
