//! Readers behind the tail: when a page is asked for, and what becomes of it.
//!
//! A reader has at most one page on its way and asks for the next only while its socket takes bytes. A page that comes
//! for a socket which has blocked meanwhile is thrown away and asked for again: a slow reader costs no memory here.

use core::time::Duration;
use std::sync::Arc;

use bowline_proto::{CloseCode, Gap, GrantScope, Page, Query, Record, Seq, ServerFrame, Time, Topic};

use crate::connections::{Awaiting, Basis, CatchUp, Connection, Phase};
use crate::recent_grants::GrantStep;
use crate::shard::GatewayCore;
use crate::vocabulary::Output;

/// How long after a failed read the same is asked again, once.
const READ_RETRY: Duration = Duration::from_secs(1);
/// How many gaps `connection.accepted` lists; further ones are told at their places. So many with the longest topics stay
/// below 64 KiB, the longest message that a client takes.
const GAPS_IN_ACCEPTED: usize = 100;

impl GatewayCore {
    /// Everything up to here has been put out to this reader.
    pub(crate) fn position(&self, slot: u32) -> Option<Seq> {
        let connection = self.connections.get(slot)?;
        match &connection.phase {
            Phase::AwaitResume { .. } => None,
            Phase::AwaitFirstPage(resuming) => Some(resuming.catch_up.position),
            Phase::CatchingUp { catch_up, .. } => Some(catch_up.position),
            Phase::Live { .. } => {
                let from = self.connections.hot[slot as usize].live_from;
                Some(Seq::new(from).map_or(self.head, |from| from.max(self.head)))
            }
        }
    }

    /// Asks for the next page of a reader that catches up, as soon as its socket and the shard allow.
    pub(crate) fn read_on(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let is_blocked = connection.is_blocked();
        let Some(catch_up) = connection.catch_up() else { return };
        if is_blocked {
            catch_up.awaiting = Awaiting::Drained;
        } else if self.reads.take_turn().is_some() {
            catch_up.awaiting = Awaiting::Page;
            self.ask_log(slot);
        } else {
            catch_up.awaiting = Awaiting::Turn;
            self.reads.wait(self.connections.id(slot));
        }
    }

    fn ask_log(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot) else { return };
        let (mut open, mut granted) = (Arc::clone(&connection.open), connection.granted.clone());
        if connection.asked > 0 {
            let claimed = self.logged_topics(connection, Basis::CLAIMED);
            if !claimed.is_empty() {
                open = open.iter().cloned().chain(claimed).collect();
            }
            if let GrantScope::Only(topics) = &granted {
                let asked = self.logged_topics(connection, Basis::ASKED);
                granted = GrantScope::Only(topics.iter().cloned().chain(asked).collect());
            }
        }
        let catch_up = match &connection.phase {
            Phase::AwaitFirstPage(resuming) => resuming.catch_up,
            Phase::CatchingUp { catch_up, .. } => *catch_up,
            Phase::AwaitResume { .. } | Phase::Live { .. } => return,
        };
        let account = connection.account;
        let query = Query {
            account: self.accounts.entry(account).name.clone(),
            granted,
            open,
            epoch: catch_up.epoch,
            after: catch_up.position,
            max_records: self.config.page.records,
            max_bytes: self.config.page.bytes,
        };
        self.outputs.push_back(Output::Read { conn: self.connections.id(slot), query });
    }

    /// Gives free turns to the readers that wait.
    pub(crate) fn next_reads(&mut self) {
        while let Some(conn) = self.reads.next() {
            let Some(slot) = self.connections.slot(conn) else { continue };
            let Some(connection) = self.connections.get_mut(slot) else { continue };
            if connection.catch_up().is_some_and(|catch_up| catch_up.awaiting == Awaiting::Turn) {
                self.read_on(slot);
            }
        }
    }

    /// The log answered.
    pub(crate) fn page_read(&mut self, now: Time, slot: u32, page: Page) {
        let Some(reading) = self.end_read(slot) else { return };
        let is_blocked = self.connections.get(slot).is_some_and(|connection| connection.is_blocked());
        let upto = page.records.last().map_or(page.upto, |last| last.seq().max(page.upto));
        if reading == Awaiting::StalePage || is_blocked {
            self.read_on(slot);
        } else if upto <= page.from && upto < self.head {
            self.read_went_wrong(now, slot);
        } else {
            self.take_page(now, slot, page, upto);
        }
        self.next_reads();
    }

    /// The turn of a read ends; `None` when no answer was awaited.
    fn end_read(&mut self, slot: u32) -> Option<Awaiting> {
        let catch_up = self.connections.get_mut(slot)?.catch_up()?;
        match catch_up.awaiting {
            awaited @ (Awaiting::Page | Awaiting::StalePage) => {
                catch_up.awaiting = Awaiting::Drained;
                self.reads.end_turn();
                Some(awaited)
            }
            Awaiting::Drained | Awaiting::Turn | Awaiting::Retry(_) => None,
        }
    }

    fn take_page(&mut self, now: Time, slot: u32, page: Page, upto: Seq) {
        let Page { from, rights_from, records, upto: _, mut gaps } = page;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.leave_out_told(&mut gaps, upto);
        gaps.sort_by_key(|gap| (gap.before, gap.after));
        let account = connection.account;
        let reads_all_grants = connection.granted == GrantScope::All;
        if matches!(connection.phase, Phase::AwaitFirstPage(_)) {
            // What was lost behind an event of this page is told behind that event.
            let first = records.first().map_or(Seq::MAX, Record::seq);
            let (mut at_start, mut later): (Vec<Gap>, Vec<Gap>) =
                gaps.into_iter().partition(|gap| gap.after < first);
            later.extend(at_start.drain(at_start.len().min(GAPS_IN_ACCEPTED)..));
            later.sort_by_key(|gap| (gap.before, gap.after));
            gaps = later;
            self.accept_resumed(now, slot, from, at_start);
        }
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let grants_as_of = connection.grants_as_of;
        if let Some(catch_up) = connection.catch_up() {
            let epoch = self.epoch;
            *catch_up = CatchUp { epoch, position: upto, awaiting: catch_up.awaiting, failures: 0 };
        }
        if reads_all_grants {
            let head = self.head;
            let learned = self.accounts.entry(account).grants.learn(from, rights_from, &records, upto, head);
            if learned.is_err() {
                // A new socket brings what the account may see now.
                return self.close(now, slot, CloseCode::DRAINING);
            }
        }
        let grants = &self.accounts.entry(account).grants;
        let as_of = grants.as_of(self.head);
        if rights_from > from.max(as_of) {
            // Retention has overtaken the tail: what it took of the changes in between is in no page, and the tail would
            // bring it too late. A new socket brings what the account may see now.
            return self.close(now, slot, CloseCode::DRAINING);
        }
        let is_current = grants.is_current();
        // Retention has removed changes of rights that the tail has not brought yet: the reader takes them from there.
        if rights_from > as_of
            && rights_from > from
            && let Some(connection) = self.connections.get_mut(slot)
        {
            connection.start = connection.start.max(rights_from);
            connection.grants_as_of = as_of;
        }
        let ahead = changed_behind(as_of, &records);
        self.put_out(slot, &records.into(), gaps);
        // The page that passes the grants' position knows every later change; the pages behind it may be ahead of the tail.
        if is_current && from <= as_of && as_of <= upto {
            self.reconcile(slot, upto, as_of, &ahead);
        }
        if upto < self.head || upto < grants_as_of || (is_current && upto < as_of) {
            return self.read_on(slot);
        }
        self.go_live(slot, upto);
    }

    /// Puts out a page: its events, and each gap and each change of rights at its place among them.
    fn put_out(&mut self, slot: u32, records: &Arc<[Record]>, mut gaps: Vec<Gap>) {
        // A gap is told as soon as everything before it is out: a link that dies within it has told it.
        gaps.sort_by_key(|gap| (gap.after, gap.before));
        let mut gaps = gaps.into_iter().peekable();
        let mut start = 0;
        for (at, record) in records.iter().enumerate() {
            while let Some(gap) = gaps.next_if(|gap| gap.after < record.seq()) {
                self.put_out_events(slot, records, start, at);
                start = at;
                self.tell_gap(slot, gap);
            }
            let (seq, topic, step) = match record {
                Record::Event(_) => continue,
                Record::Granted { seq, topic, .. } => (*seq, topic, GrantStep::Granted),
                Record::Revoked { seq, topic, .. } => (*seq, topic, GrantStep::Revoked),
            };
            self.put_out_events(slot, records, start, at);
            start = at + 1;
            self.grant_reached(slot, seq, topic, step);
        }
        self.put_out_events(slot, records, start, records.len());
        for gap in gaps {
            self.tell_gap(slot, gap);
        }
    }

    fn put_out_events(&mut self, slot: u32, records: &Arc<[Record]>, start: usize, end: usize) {
        if start < end {
            let to = vec![self.connections.id(slot)];
            self.stats.delivered += (end - start) as u64;
            self.connections.hot[slot as usize].has_sent = true;
            self.outputs.push_back(Output::Deliver { records: Arc::clone(records), range: start..end, to });
        }
    }

    fn tell_gap(&mut self, slot: u32, gap: Gap) {
        self.stats.gaps += 1;
        self.send(slot, ServerFrame::Gap(gap));
    }

    fn go_live(&mut self, slot: u32, from: Seq) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let Phase::CatchingUp { session, .. } = connection.phase else { return };
        connection.phase = Phase::Live { session };
        self.connections.hot[slot as usize].live_from = from.get();
        self.stats.catching_up -= 1;
        self.stats.live += 1;
        tracing::debug!(slot, from = from.get(), "reader is live");
    }

    /// A read failed: the second time in a row the socket is closed.
    pub(crate) fn read_failed(&mut self, now: Time, slot: u32) {
        if self.end_read(slot).is_some() {
            self.read_went_wrong(now, slot);
            self.next_reads();
        }
    }

    fn read_went_wrong(&mut self, now: Time, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let Some(catch_up) = connection.catch_up() else { return };
        catch_up.failures += 1;
        if catch_up.failures > 1 {
            tracing::error!(slot, "the log can't be read");
            return self.close(now, slot, CloseCode::INTERNAL);
        }
        catch_up.awaiting = Awaiting::Retry(now + READ_RETRY);
        self.arm(now, slot);
    }
}

impl Connection {
    /// Cuts off of a page's gaps what the pages before it have told, and notes what reaches behind `upto`, the page's end: the
    /// next page brings it again.
    fn leave_out_told(&mut self, gaps: &mut Vec<Gap>, upto: Seq) {
        for (topic, before) in &self.told_ahead {
            gaps.retain_mut(|gap| {
                let is_told = gap.topic == *topic && gap.after.next() < *before;
                if is_told {
                    gap.after = before.previous();
                }
                !is_told || gap.after.next() < gap.before
            });
        }
        self.told_ahead
            .retain(|(topic, before)| *before > upto.next() && gaps.iter().all(|gap| gap.topic != *topic));
        let ahead = gaps.iter().filter(|gap| gap.before > upto.next());
        self.told_ahead.extend(ahead.map(|gap| (gap.topic.clone(), gap.before)));
    }
}

/// The topics whose rights change in a page behind `as_of`.
fn changed_behind(as_of: Seq, records: &[Record]) -> Vec<Topic> {
    let changed = |record: &Record| match record {
        Record::Granted { seq, topic, .. } | Record::Revoked { seq, topic, .. } if *seq > as_of => {
            Some(topic.clone())
        }
        Record::Granted { .. } | Record::Revoked { .. } | Record::Event(_) => None,
    };
    records.iter().filter_map(changed).collect()
}
