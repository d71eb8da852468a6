//! How the machine's clocks become the cores' integers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bowline_proto::{Time, Timestamp};

/// One origin for every shard of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Clock { origin: Instant::now() }
    }

    /// Microseconds since the start.
    pub(crate) fn now(self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// The instant of a deadline; one too far away for the machine's clock is a day away.
    pub(crate) fn instant(self, at: Time) -> Instant {
        let far = Duration::from_secs(24 * 3600);
        let after = at.since(Time::ZERO);
        self.origin.checked_add(after).unwrap_or_else(|| Instant::now() + far)
    }
}

/// The wall clock.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
