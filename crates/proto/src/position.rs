//! Where something stands in the log: [`Seq`], [`Epoch`] and the pair of them, [`Cursor`].

use core::fmt;
use core::str::FromStr;

/// The position of a record in the gateway's log. Starts at 1, grows over all topics, stays below 2^53 so that a
/// JSON number carries it exactly. [`Seq::ZERO`] is "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// Before the first record. As a resume position: "from the oldest retained event".
    pub const ZERO: Seq = Seq(0);
    /// The largest position: 2^53 - 1.
    pub const MAX: Seq = Seq((1 << 53) - 1);

    /// The position `value`, or `None` above [`Seq::MAX`].
    #[must_use]
    pub const fn new(value: u64) -> Option<Seq> {
        if value <= Seq::MAX.0 { Some(Seq(value)) } else { None }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next position; saturates at [`Seq::MAX`].
    #[must_use]
    pub const fn next(self) -> Seq {
        self.advanced_by(1)
    }

    /// The position before; [`Seq::ZERO`] has none and stays.
    #[must_use]
    pub const fn previous(self) -> Seq {
        Seq(self.0.saturating_sub(1))
    }

    /// The position `n` further on; saturates at [`Seq::MAX`].
    #[must_use]
    pub const fn advanced_by(self, n: u64) -> Seq {
        let value = self.0.saturating_add(n);
        if value > Seq::MAX.0 { Seq::MAX } else { Seq(value) }
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of one incarnation of the log, written as 16 lower-case hex digits. It changes whenever a suffix of the
/// log may have been lost, and never otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch with these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Epoch(bits)
    }

    /// Its 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text is not 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an epoch is 16 hex digits")]
pub struct InvalidEpoch;

impl FromStr for Epoch {
    type Err = InvalidEpoch;

    fn from_str(text: &str) -> Result<Self, InvalidEpoch> {
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidEpoch);
        }
        u64::from_str_radix(text, 16).map(Epoch).map_err(|_| InvalidEpoch)
    }
}

/// A position together with the log it is a position of. Everything up to `seq` is behind the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Which log.
    pub epoch: Epoch,
    /// Up to where, inclusive.
    pub seq: Seq,
}
