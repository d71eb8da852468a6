//! How often rare states were reached, so that a simulator which no longer reaches them is seen.

use std::collections::BTreeMap;

/// A state that a reviewer would fear, and that only some worlds reach. Every one of them has to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rare {
    /// A cursor stands at the last position that retention has removed: it lost nothing.
    ResumeAtTheEdge,
    /// A cursor stands one position before that: it may have lost one event.
    ResumeOneBeforeTheEdge,
    /// A cursor stands one position behind that.
    ResumeOneAfterTheEdge,
    /// A reader that rereads the log is told a gap.
    GapWhileReplaying,
    /// Both links of a handover break in the same microsecond.
    BothLinksDieInOneTick,
    /// A link delivers an event after its successor was accepted.
    OldLinkDeliversAfterPromotion,
    /// The gateway accepts a link that its client has given up.
    AcceptedAfterItsTimeout,
    /// A connection above the limit is refused while two sockets of another one count once.
    ThirdRefusedDuringHandover,
    /// A right is revoked while a reader of it rereads the log.
    RevokedDuringReplay,
    /// A right is revoked while two links of a reader of it are up.
    RevokedDuringHandover,
    /// A right is revoked while the gateway drains.
    RevokedDuringDrain,
    /// One ticket is handed in twice in the same microsecond.
    TicketTwiceInOneTick,
    /// The gateway is asked to drain while it drains.
    DrainDuringDrain,
    /// The gateway's process dies after a commit and before its publisher was answered.
    KilledBetweenSyncAndAck,
    /// A publish whose answer was lost is asked again of a later process, which knows it.
    AckLostAndRetriedAfterRestart,
    /// The disk is full when a new segment is started.
    DiskFullDuringRotation,
    /// A connection ends while its slow reader has taken a part of what was written together.
    SlowReaderCutInABatch,
    /// A cursor lies ahead of what the shard has put out.
    CursorAheadOfTheHead,
    /// The log goes past position 2^32.
    SeqsCross32Bits,
}

impl Rare {
    /// All of them.
    pub const ALL: [Rare; 19] = [
        Rare::ResumeAtTheEdge,
        Rare::ResumeOneBeforeTheEdge,
        Rare::ResumeOneAfterTheEdge,
        Rare::GapWhileReplaying,
        Rare::BothLinksDieInOneTick,
        Rare::OldLinkDeliversAfterPromotion,
        Rare::AcceptedAfterItsTimeout,
        Rare::ThirdRefusedDuringHandover,
        Rare::RevokedDuringReplay,
        Rare::RevokedDuringHandover,
        Rare::RevokedDuringDrain,
        Rare::TicketTwiceInOneTick,
        Rare::DrainDuringDrain,
        Rare::KilledBetweenSyncAndAck,
        Rare::AckLostAndRetriedAfterRestart,
        Rare::DiskFullDuringRotation,
        Rare::SlowReaderCutInABatch,
        Rare::CursorAheadOfTheHead,
        Rare::SeqsCross32Bits,
    ];

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Rare::ResumeAtTheEdge => "resume exactly at the retention edge",
            Rare::ResumeOneBeforeTheEdge => "resume one before the retention edge",
            Rare::ResumeOneAfterTheEdge => "resume one after the retention edge",
            Rare::GapWhileReplaying => "gap while replaying",
            Rare::BothLinksDieInOneTick => "both sockets of a handover die in one tick",
            Rare::OldLinkDeliversAfterPromotion => "old socket delivers after promotion",
            Rare::AcceptedAfterItsTimeout => "accepted after its timeout",
            Rare::ThirdRefusedDuringHandover => "third connection refused while a handover is pending",
            Rare::RevokedDuringReplay => "revoke during replay",
            Rare::RevokedDuringHandover => "revoke during handover",
            Rare::RevokedDuringDrain => "revoke during drain",
            Rare::TicketTwiceInOneTick => "ticket redeemed twice in one tick",
            Rare::DrainDuringDrain => "drain during drain",
            Rare::KilledBetweenSyncAndAck => "kill between fsync and ack",
            Rare::AckLostAndRetriedAfterRestart => "ack lost and the retry after a restart",
            Rare::DiskFullDuringRotation => "full disk during rotation",
            Rare::SlowReaderCutInABatch => "slow reader cut in the middle of a batch",
            Rare::CursorAheadOfTheHead => "cursor ahead of the head",
            Rare::SeqsCross32Bits => "seqs crossing 2^32",
        }
    }
}

/// Counts by name.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    counts: BTreeMap<&'static str, u64>,
    rare: BTreeMap<Rare, u64>,
}

impl Counters {
    /// One more of `name`.
    pub fn count(&mut self, name: &'static str) {
        self.add(name, 1);
    }

    /// `n` more of `name`.
    pub fn add(&mut self, name: &'static str, n: u64) {
        *self.counts.entry(name).or_default() += n;
    }

    /// The most of `name` that was ever seen at once.
    pub fn most(&mut self, name: &'static str, n: u64) {
        let known = self.counts.entry(name).or_default();
        *known = (*known).max(n);
    }

    /// A rare state is reached.
    pub fn reach(&mut self, state: Rare) {
        *self.rare.entry(state).or_default() += 1;
    }

    /// Adds another run's counts.
    pub fn absorb(&mut self, other: &Counters) {
        for (name, n) in &other.counts {
            if name.starts_with(MOST) {
                self.most(name, *n);
            } else {
                self.add(name, *n);
            }
        }
        for (state, n) in &other.rare {
            *self.rare.entry(*state).or_default() += n;
        }
    }

    /// How many of `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// How often a rare state was reached.
    #[must_use]
    pub fn reached(&self, state: Rare) -> u64 {
        self.rare.get(&state).copied().unwrap_or(0)
    }

    /// All of them by name, but for the rare states.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(name, n)| (*name, *n))
    }
}

/// How the names start that count the most at once, and not how often.
const MOST: &str = "most: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_rare_states_is_whole_and_its_names_are_different() {
        for (place, state) in Rare::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, place, "{}", state.name());
        }
        let names: std::collections::BTreeSet<&str> = Rare::ALL.into_iter().map(Rare::name).collect();
        assert_eq!(names.len(), Rare::ALL.len());
    }
}
