//! What a run leaves for people: a hash of everything that happened, and on demand the lines themselves.

use core::fmt::{self, Write};

use bowline_proto::Time;

/// Hashes every line; keeps the last ones when asked to.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    kept: Option<Vec<String>>,
}

impl Trace {
    /// Hashes only.
    #[must_use]
    pub fn hashing() -> Self {
        Trace { hash: FNV_OFFSET, kept: None }
    }

    /// Hashes and keeps every line.
    #[must_use]
    pub fn keeping() -> Self {
        Trace { hash: FNV_OFFSET, kept: Some(Vec::new()) }
    }

    /// Two runs of one seed have the same hash.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines, where they were kept.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.kept.as_deref().unwrap_or_default()
    }

    pub(crate) fn say(&mut self, now: Time, line: fmt::Arguments<'_>) {
        let mut hasher = Fnv(self.hash ^ now.as_micros());
        if hasher.write_fmt(line).is_ok() {
            self.hash = hasher.0.wrapping_mul(FNV_PRIME);
        }
        if let Some(kept) = &mut self.kept {
            let micros = now.as_micros();
            kept.push(format!("{:>5}.{:06} {line}", micros / 1_000_000, micros % 1_000_000));
        }
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        Ok(())
    }
}
