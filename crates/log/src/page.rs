//! How an answer is put together: where it starts, in which order records and gaps come, when it is full.

use std::collections::{HashMap, VecDeque};

use bowline_proto::{Gap, GapReason, LoggedEvent, Page, Query, Record, Seq, Topic};

use crate::epochs::{Epochs, Origin};
use crate::reader::{Reader, before, gap};
use crate::topics::Topics;

/// Where an answer starts, and the gaps that are known before anything is read.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) from: Seq,
    /// From where on every grant record is known.
    rights_from: Seq,
    gaps: Vec<Gap>,
}

impl Start {
    pub(crate) fn new(
        query: &Query,
        reader: &Reader<'_>,
        epochs: &Epochs,
        topics: &Topics,
        oldest: Seq,
        head: Seq,
    ) -> Self {
        let (from, mut gaps) = match epochs.origin(query.epoch, query.after, head) {
            Origin::Intact => (query.after, Vec::new()),
            Origin::Diverged { from, before } => (from, reader.diverged(from, before)),
            Origin::Unknown => (Seq::ZERO, reader.all_diverged(oldest)),
        };
        gaps.extend(reader.removed(from, topics));
        for era in epochs.losses_after(from) {
            gaps.extend(reader.diverged(era.shared.max(from), era.first));
        }
        Start { from, rights_from: from.max(before(oldest)), gaps: disjoint(gaps) }
    }
}

/// Sorts by topic and cuts off what the gap before has already said. Of two that begin together, the change of the log
/// is told first: what was removed later of the new one says nothing about it.
fn disjoint(mut gaps: Vec<Gap>) -> Vec<Gap> {
    let is_later = |gap: &Gap| gap.reason != GapReason::Epoch;
    gaps.sort_by(|a, b| {
        (&a.topic, a.after, is_later(a), b.before).cmp(&(&b.topic, b.after, is_later(b), a.before))
    });
    let mut apart: Vec<Gap> = Vec::with_capacity(gaps.len());
    for mut gap in gaps {
        if let Some(last) = apart.last().filter(|last| last.topic == gap.topic) {
            gap.after = gap.after.max(before(last.before));
            if gap.after.next() >= gap.before {
                continue;
            }
        }
        apart.push(gap);
    }
    apart
}

/// An answer in the making. Facts come in growing position.
#[derive(Debug)]
pub(crate) struct PageBuilder {
    page: Page,
    /// How many records still fit.
    records_left: usize,
    /// How many bytes of text still fit.
    bytes_left: usize,
    /// The account's own grant records that have not had their turn.
    grants: VecDeque<Record>,
    /// Gaps that have not had their turn, by `after`.
    gaps: VecDeque<Gap>,
    /// Where in the page's gaps the last lost event of a topic stands, while neither an event nor a gap of it has followed.
    losses: HashMap<Topic, usize>,
    /// Where the first hole begins that did not fit.
    left_out: Option<Seq>,
}

impl PageBuilder {
    pub(crate) fn new(query: &Query, start: Start, grants: Vec<Record>) -> Self {
        let mut gaps = start.gaps;
        gaps.sort_by(|a, b| (a.after, &a.topic).cmp(&(b.after, &b.topic)));
        PageBuilder {
            page: Page {
                from: start.from,
                rights_from: start.rights_from,
                upto: start.from,
                ..Page::default()
            },
            records_left: query.max_records.max(1),
            bytes_left: query.max_bytes.max(1),
            grants: grants.into(),
            gaps: gaps.into(),
            losses: HashMap::new(),
            left_out: None,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.records_left == 0 || self.bytes_left == 0
    }

    /// At most this many records have room.
    pub(crate) fn records_left(&self) -> usize {
        if self.is_full() { 0 } else { self.records_left }
    }

    /// At most this many bytes of text are wanted, but for the record that reaches it.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    pub(crate) fn event(&mut self, event: LoggedEvent) {
        self.reach(event.seq);
        if self.is_full() {
            return;
        }
        self.losses.remove(&event.topic);
        self.bytes_left = self.bytes_left.saturating_sub(event.text.len());
        self.push(Record::Event(event));
    }

    /// The event at `seq` cannot be read.
    pub(crate) fn lost(&mut self, topic: &Topic, seq: Seq) {
        self.reach(seq);
        if self.is_full() {
            return;
        }
        self.page.upto = seq;
        if let Some(&at) = self.losses.get(topic) {
            self.page.gaps[at].before = seq.next();
            return;
        }
        self.losses.insert(topic.clone(), self.page.gaps.len());
        self.page.gaps.push(gap(topic, before(seq), seq.next(), GapReason::Storage));
    }

    /// Nothing between the gap's bounds can be had, of any topic.
    pub(crate) fn hole(&mut self, gap: Gap) {
        self.reach(gap.after.next());
        if self.is_full() {
            self.left_out.get_or_insert(gap.after);
        } else {
            self.push_gap(gap);
        }
    }

    /// Everything before `seq` that waits has its turn.
    fn reach(&mut self, seq: Seq) {
        while !self.is_full() {
            let gap = self.gaps.front().map(|gap| gap.after.next());
            let grant = self.grants.front().map(Record::seq);
            if gap.is_some_and(|at| at <= seq && grant.is_none_or(|grant| at <= grant)) {
                if let Some(gap) = self.gaps.pop_front() {
                    self.push_gap(gap);
                }
            } else if grant.is_some_and(|at| at < seq) {
                if let Some(record) = self.grants.pop_front() {
                    self.push(record);
                }
            } else {
                break;
            }
        }
    }

    fn push_gap(&mut self, gap: Gap) {
        self.losses.remove(&gap.topic);
        self.page.upto = self.page.upto.max(before(gap.before));
        self.page.gaps.push(gap);
    }

    fn push(&mut self, record: Record) {
        self.page.upto = self.page.upto.max(record.seq());
        self.records_left -= 1;
        self.page.records.push(record);
    }

    /// The answer, once everything up to `head` has been told or the page is full.
    pub(crate) fn finish(mut self, head: Seq) -> Page {
        self.reach(head.next());
        if !self.is_full() {
            self.page.upto = self.page.upto.max(head);
            return self.page;
        }
        // A told gap may reach past grants and gaps that did not fit: they are for the next page.
        let grant = self.grants.front().map(|record| before(record.seq()));
        let gap = self.gaps.front().map(|gap| gap.after);
        for bound in grant.into_iter().chain(gap).chain(self.left_out) {
            self.page.upto = self.page.upto.min(bound);
        }
        self.page
    }
}

#[cfg(test)]
mod tests {
    use bowline_proto::{Account, Epoch, GrantScope};

    use super::*;

    fn seq(n: u64) -> Seq {
        Seq::new(n).unwrap()
    }

    #[test]
    fn two_losses_of_a_topic_around_a_gap_of_it_do_not_overlap_it() {
        let topic = Topic::new("conv:c").unwrap();
        let query = Query {
            account: Account::new("a").unwrap(),
            granted: GrantScope::All,
            open: [topic.clone()].into(),
            epoch: Epoch::from_bits(1),
            after: Seq::ZERO,
            max_records: 100,
            max_bytes: 1000,
        };
        let told = |gaps, tell: fn(&mut PageBuilder, &Topic)| {
            let start = Start { from: Seq::ZERO, rights_from: Seq::ZERO, gaps };
            let mut page = PageBuilder::new(&query, start, Vec::new());
            page.lost(&topic, seq(5));
            tell(&mut page, &topic);
            page.lost(&topic, seq(20));
            page.lost(&topic, seq(22));
            let page = page.finish(seq(30));
            page.gaps.iter().map(|gap| (gap.after.get(), gap.before.get())).collect::<Vec<_>>()
        };
        let hole = |page: &mut PageBuilder, topic: &Topic| {
            page.hole(gap(topic, seq(8), seq(12), GapReason::Storage));
        };
        assert_eq!(told(Vec::new(), |_, _| {}), [(4, 23)]);
        assert_eq!(told(Vec::new(), hole), [(4, 6), (8, 12), (19, 23)]);
        let epoch = gap(&topic, seq(8), seq(12), GapReason::Epoch);
        assert_eq!(told(vec![epoch], |_, _| {}), [(4, 6), (8, 12), (19, 23)]);
    }
}
