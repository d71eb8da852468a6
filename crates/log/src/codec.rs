//! How numbers and texts lie in files: little-endian, texts behind a 16-bit length.

use bowline_proto::{Account, Seq, Topic};

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_seq(out: &mut Vec<u8>, seq: Seq) {
    put_u64(out, seq.get());
}

/// Texts here are topics, accounts and keys: at most 256 bytes, so the length always fits.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("topics, accounts and keys are shorter than 64 KiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).expect("tables of a segment have fewer than 2^32 rows")
}

/// Reads what the functions above wrote; `None` where the bytes are not that.
#[derive(Debug)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|b| b[0])
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(crate) fn seq(&mut self) -> Option<Seq> {
        Seq::new(self.u64()?)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = self.bytes(2)?.try_into().ok().map(u16::from_le_bytes)?;
        core::str::from_utf8(self.bytes(length.into())?).ok()
    }

    pub(crate) fn topic(&mut self) -> Option<Topic> {
        Topic::new(self.text()?).ok()
    }

    pub(crate) fn account(&mut self) -> Option<Account> {
        Account::new(self.text()?).ok()
    }

    /// A table's row count, refused when `row_bytes` each could not fit into what is left: checked before allocating.
    pub(crate) fn rows(&mut self, row_bytes: usize) -> Option<usize> {
        let rows = usize::try_from(self.u32()?).ok()?;
        (rows.checked_mul(row_bytes)? <= self.0.len()).then_some(rows)
    }
}
