//! Which rare states the gateway's side of a world has reached, and what the gateway owes its sockets besides events.

use std::collections::BTreeMap;

use bowline_gateway_core::{ConnId, SocketKind};
use bowline_proto::{Account, CloseCode, Epoch, Record, Resume, Seq, Time};
use core::time::Duration;

use crate::counters::Rare;
use crate::env::Env;
use crate::event::{PublishNo, PublisherNo, WireId};
use crate::network::{Network, Parcel};

use super::acceptances::Owners;
use super::{Node, Process};

/// What is remembered only to know that a rare state is reached.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The oldest position that the log ever had.
    first: Option<Seq>,
    /// Up to here the tail has been put out by the shard.
    put_out: Seq,
    /// Publishes that are committed and whose answers have not left the process.
    unsent: Vec<(PublisherNo, PublishNo)>,
    /// In which life of the process a publish was committed.
    committed_in: BTreeMap<(PublisherNo, PublishNo), u32>,
    /// Whose each session is.
    pub(super) owners: Owners,
}

impl Watch {
    /// The answer to a publish waits to be sent.
    pub(super) fn committed(&mut self, publisher: PublisherNo, publish: PublishNo, life: u32) {
        self.unsent.push((publisher, publish));
        self.committed_in.entry((publisher, publish)).or_insert(life);
    }

    /// The log knows a publish that comes again.
    pub(super) fn repeated(&self, env: &mut Env, publisher: PublisherNo, publish: PublishNo, life: u32) {
        if self.committed_in.get(&(publisher, publish)).is_some_and(|first| *first < life) {
            env.counters.reach(Rare::AckLostAndRetriedAfterRestart);
        }
    }
}

impl Node {
    /// A process is open over the log.
    pub(super) fn watch_start(&mut self) {
        let Some(process) = &self.process else { return };
        let status = process.store.status();
        self.watch.first.get_or_insert(status.oldest);
        self.watch.put_out = status.head;
    }

    /// The shard puts the tail out up to here.
    pub(super) fn watch_tail(&mut self, upto: Seq) {
        self.watch.put_out = self.watch.put_out.max(upto);
    }

    /// How far the tail has come.
    pub(super) fn tail_position(&self) -> Seq {
        self.watch.put_out
    }

    /// The last position that retention has removed, where it has removed any, and the log.
    pub(crate) fn retention_edge(&self) -> Option<(Epoch, Seq)> {
        let status = self.process.as_ref()?.store.status();
        let first = self.watch.first.filter(|first| status.oldest > *first);
        let edge = first.and_then(|_| Seq::new(status.oldest.get() - 1));
        edge.map(|edge| (status.epoch, edge))
    }

    /// A client presents a cursor.
    pub(super) fn watch_resume(&mut self, env: &mut Env, resume: &Resume) {
        let Some(process) = &self.process else { return };
        if resume.epoch != Some(process.store.status().epoch) {
            return;
        }
        if resume.seq > self.watch.put_out {
            env.counters.reach(Rare::CursorAheadOfTheHead);
        }
        let Some((_, edge)) = self.retention_edge() else { return };
        if resume.seq == edge {
            env.counters.reach(Rare::ResumeAtTheEdge);
        } else if resume.seq.next() == edge {
            env.counters.reach(Rare::ResumeOneBeforeTheEdge);
        } else if resume.seq == edge.next() {
            env.counters.reach(Rare::ResumeOneAfterTheEdge);
        }
    }

    /// These records go to the shard: whom does a revocation among them meet?
    pub(super) fn watch_revocations(&mut self, env: &mut Env, records: &[Record]) {
        let Some(process) = &self.process else { return };
        for record in records {
            let Record::Revoked { account, .. } = record else { continue };
            if process.has_reader_of_the_log(account) {
                env.counters.reach(Rare::RevokedDuringReplay);
            }
            if process.is_handing_over(account, None) {
                env.counters.reach(Rare::RevokedDuringHandover);
            }
            if process.draining.is_some() && process.sockets.values().any(|socket| socket.account == *account)
            {
                env.counters.reach(Rare::RevokedDuringDrain);
            }
        }
    }

    /// A socket is refused above the limit.
    pub(super) fn watch_refusal(&mut self, env: &mut Env, wire: WireId) {
        let Some(process) = &self.process else { return };
        let Some(refused) = process.sockets.get(&wire) else { return };
        if process.is_handing_over(&refused.account, Some(refused.socket)) {
            env.counters.reach(Rare::ThirdRefusedDuringHandover);
        }
    }

    /// The answer to a publish leaves the process, unless the process is gone.
    pub(crate) fn answer_leaves(&mut self, publisher: PublisherNo, publish: PublishNo) -> bool {
        let place = self.watch.unsent.iter().position(|unsent| *unsent == (publisher, publish));
        place.map(|place| self.watch.unsent.swap_remove(place)).is_some()
    }

    /// The process dies with everything that it has not sent.
    pub(super) fn watch_death(&mut self, env: &mut Env) {
        if !self.watch.unsent.is_empty() {
            env.counters.reach(Rare::KilledBetweenSyncAndAck);
            self.watch.unsent.clear();
        }
    }

    /// The disk had no room: for a new segment?
    pub(super) fn watch_disk(&mut self, env: &mut Env) {
        if self.disk.take_failed_starts() > 0 {
            env.counters.reach(Rare::DiskFullDuringRotation);
        }
    }

    /// Something was written to a socket: is it an accept that nobody waits for any more?
    pub(super) fn watch_written(&mut self, env: &mut Env, net: &Network, wire: WireId) {
        let Some(socket) = self.socket(wire) else { return };
        if socket.session.is_some()
            && !std::mem::replace(&mut socket.accept_written, true)
            && net.is_given_up(wire)
        {
            env.counters.reach(Rare::AcceptedAfterItsTimeout);
        }
    }

    /// A connection ends: had its slow reader taken a part of what was written together?
    pub(super) fn watch_end(&mut self, env: &mut Env, wire: WireId) {
        let Some(socket) = self.socket(wire) else { return };
        if socket.blocked && socket.pending.iter().any(|parcel| matches!(parcel, Parcel::Text(_))) {
            env.counters.reach(Rare::SlowReaderCutInABatch);
        }
    }

    /// A socket that the core closes: did it have the time that it was promised? `by_timer`: nothing but time has passed.
    pub(super) fn watch_close(&mut self, env: &mut Env, wire: WireId, code: CloseCode, cause: Cause) {
        let life = self.limits().max_duration;
        let draining = self.is_draining();
        let can_help_it = !self.was_held_up;
        let Some(socket) = self.socket(wire) else { return };
        let is_early = socket.stays_until.is_some_and(|until| env.now < until);
        if code == CloseCode::DRAINING && is_early && cause == Cause::Time {
            let said = format!("{wire:?} was to stay until {:?}", socket.stays_until);
            env.violate("drain", said);
        }
        if code == CloseCode::DRAINING && cause == Cause::Drain && socket.session.is_some() {
            env.violate("drain", format!("{wire:?} was accepted and is closed when the drain begins"));
        }
        // Half of a short life is its notice.
        let was_accepted_early = socket.session.is_some() && socket.accepted_at < socket.opened_at + life / 3;
        if code == CloseCode::MAX_DURATION
            && can_help_it
            && was_accepted_early
            && socket.stays_until.is_none()
            && !draining
        {
            env.violate("announced", format!("{wire:?} is closed for its age without a word before"));
        }
    }

    /// The gateway asks a socket to move within `deadline`.
    pub(super) fn watch_draining(&mut self, now: Time, wire: WireId, deadline: Duration) {
        if let Some(socket) = self.socket(wire) {
            socket.stays_until = Some(now + deadline);
        }
    }

    /// The process ends after its drain: nobody may be left.
    pub(super) fn watch_drained(&mut self, env: &mut Env) {
        let Some(process) = &self.process else { return };
        let left = process.core.stats().connections;
        if left > 0 && env.now > self.drained_at && !self.was_held_up {
            env.violate(
                "drain",
                format!("{left} sockets are left although the drain was over at {:?}", self.drained_at),
            );
        }
    }

    /// Nobody lives longer than the maximum.
    pub(super) fn watch_age(&mut self, env: &mut Env, wire: WireId) {
        if self.was_held_up {
            return;
        }
        let life = self.limits().max_duration + Duration::from_secs(1);
        let Some(opened_at) = self.socket(wire).map(|socket| socket.opened_at) else { return };
        if env.now > opened_at + life {
            env.violate("age", format!("{wire:?} was opened at {opened_at:?} and still gets events"));
        }
    }

    /// Two sockets of a session count once for the grace time; then one of them goes.
    pub(super) fn watch_pairs(&self, env: &mut Env) {
        let Some(process) = self.process.as_ref().filter(|_| !self.was_held_up) else { return };
        let grace = self.limits().handover_grace + Duration::from_secs(1);
        let mut accepted: BTreeMap<&str, (&Account, Vec<Time>)> = BTreeMap::new();
        for socket in process.sockets.values() {
            if let Some(session) = socket.session.as_ref().filter(|_| !socket.closing && !socket.close_heard)
            {
                let pair = accepted.entry(session.reveal()).or_insert((&socket.account, Vec::new()));
                pair.1.push(socket.accepted_at);
            }
        }
        for (account, times) in accepted.values().filter(|(_, times)| times.len() > 1) {
            let newest = times.iter().max().copied().unwrap_or_default();
            if env.now > newest + grace {
                env.violate("pair", format!("{account} has two sockets of a session since {newest:?}"));
            }
        }
    }

    /// At the end of a run: whoever has a socket here is there.
    pub(crate) fn watch_ghosts(&self, env: &mut Env, net: &Network) {
        let Some(process) = &self.process else { return };
        for (wire, socket) in process.sockets.iter().filter(|(_, socket)| socket.hello.is_none()) {
            if net.is_given_up(*wire) && env.now.since(socket.opened_at) > GHOSTS_ARE_GONE_AFTER {
                let said = format!("{wire:?} of {} has nobody at its other end", socket.account);
                env.violate("ghost", said);
            }
        }
        self.watch_pairs(env);
        let (known, held) = (process.core.stats().connections, process.wires.len());
        let over = process.sockets.values().filter(|socket| socket.closing || socket.close_heard).count();
        if known != (held - over.min(held)) as u64 {
            env.violate(
                "ghost",
                format!("the shard knows {known} sockets, {held} are there, {over} of them over"),
            );
        }
    }
}

/// What makes the core close a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing but time.
    Time,
    /// A drain begins.
    Drain,
    /// Anything else.
    Fact,
}

impl Process {
    fn has_reader_of_the_log(&self, account: &Account) -> bool {
        let is_read_for = |conn: &ConnId| self.reads.contains(conn);
        self.sockets.values().any(|socket| socket.account == *account && is_read_for(&socket.conn))
    }

    /// Whether two sockets of one session of the account are up.
    fn is_handing_over(&self, account: &Account, kind: Option<SocketKind>) -> bool {
        let mut sessions: Vec<&str> = self
            .sockets
            .values()
            .filter(|socket| socket.account == *account && !socket.closing && !socket.close_heard)
            .filter(|socket| kind.is_none_or(|kind| socket.socket == kind))
            .filter_map(|socket| socket.session.as_ref().map(bowline_proto::SessionId::reveal))
            .collect();
        sessions.sort_unstable();
        sessions.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// 2.5 of the longest heartbeats, and the deadline of a close.
const GHOSTS_ARE_GONE_AFTER: Duration = Duration::from_secs(40);
