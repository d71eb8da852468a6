//! What the tail brings goes to the live readers: one order per run of events of one topic.
//!
//! On one socket events arrive in growing seq, so runs go out in the order of the log, and a run is never joined with a
//! later one of its topic across an event of another topic. Per delivery: one look at 16 bytes, one push.

use std::sync::Arc;

use bowline_proto::{LoggedEvent, Record, Time};
use bytes::Bytes;

use crate::connections::{Connection, Hot};
use crate::recent_grants::{GrantChange, GrantStep};
use crate::shard::GatewayCore;
use crate::vocabulary::{ConnId, Output};

impl GatewayCore {
    /// The log committed these records.
    pub(crate) fn appended(&mut self, now: Time, records: &Arc<[Record]>) {
        let mut at = records.partition_point(|record| record.seq() <= self.head);
        while let Some(record) = records.get(at) {
            match record {
                Record::Event(event) => at = self.fan_out(records, at, event),
                Record::Granted { seq, account, topic } | Record::Revoked { seq, account, topic } => {
                    let step = match record {
                        Record::Revoked { .. } => GrantStep::Revoked,
                        Record::Granted { .. } | Record::Event(_) => GrantStep::Granted,
                    };
                    let change =
                        GrantChange { seq: *seq, account: account.clone(), topic: topic.clone(), step };
                    self.grant_passed(&change);
                    self.recent_grants.push(change);
                    self.head = *seq;
                    at += 1;
                }
            }
        }
        tracing::trace!(head = self.head.get(), at = now.as_micros(), "tail put out");
    }

    /// Puts out the run of events of one topic that starts with `event`; returns where it ends.
    fn fan_out(&mut self, records: &Arc<[Record]>, start: usize, event: &LoggedEvent) -> usize {
        let length = records[start + 1..]
            .iter()
            .take_while(|record| matches!(record, Record::Event(next) if next.topic == event.topic))
            .count();
        let mut end = start + 1 + length;
        if let Some(topic) = self.topics.find(event.topic.as_str()) {
            let followers = self.topics.followers(topic);
            let mut to = Vec::with_capacity(followers.len());
            let (first, last) = (event.seq.get(), records[end - 1].seq().get());
            // A reader that starts inside the run: the run is put out up to there, the rest is a run of its own.
            let mut split = last;
            for follower in followers.iter() {
                let hot = &mut self.connections.hot[follower.slot as usize];
                if hot.live_from < first {
                    hot.has_sent = true;
                    to.push(ConnId { slot: follower.slot, generation: hot.generation });
                } else if hot.live_from < split {
                    split = hot.live_from;
                }
            }
            if split < last {
                end = start + records[start..end].partition_point(|record| record.seq().get() <= split);
            }
            if !to.is_empty() {
                self.stats.delivered += (to.len() * (end - start)) as u64;
                self.outputs.push_back(Output::Deliver {
                    records: Arc::clone(records),
                    range: start..end,
                    to,
                });
            }
        }
        self.head = records[end - 1].seq();
        end
    }

    /// Puts out a signal to the followers of a topic, but for the one that it came from. A signal has no place among the
    /// events, so a reader that catches up gets it as well: it may have been told the status that ends now. One whose
    /// socket is blocked does not.
    pub(crate) fn signal(&mut self, topic: &str, text: Bytes, but: Option<ConnId>) {
        let Some(topic) = self.topics.find(topic) else { return };
        let followers = self.topics.followers(topic);
        let mut to = Vec::with_capacity(followers.len());
        for follower in followers.iter() {
            let hot = self.connections.hot[follower.slot as usize];
            let conn = ConnId { slot: follower.slot, generation: hot.generation };
            let is_free = |connection: &Connection| connection.is_accepted() && !connection.is_blocked();
            let takes_it =
                hot.live_from != Hot::NOT_LIVE || self.connections.get(follower.slot).is_some_and(is_free);
            if takes_it && Some(conn) != but {
                to.push(conn);
            }
        }
        if !to.is_empty() {
            self.outputs.push_back(Output::Signal { text, to });
        }
    }
}
