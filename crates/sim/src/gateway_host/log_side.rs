//! How a gateway's process works with its log: group commit, tail, reads, retention.

use bowline_gateway_core::{ConnId, Input};
use bowline_log::{Appended, Batch, StoreError};
use bowline_proto::{Page, Query, Record, Timestamp};
use core::time::Duration;

use crate::counters::Rare;
use crate::env::Env;
use crate::event::{Event, NodeEvent, PublishNo, PublisherEvent, PublisherNo};
use crate::network::Network;

use super::Node;

impl Node {
    /// A publish comes.
    pub(crate) fn published(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        publisher: PublisherNo,
        publish: PublishNo,
        batch: Batch,
    ) {
        let Some(process) = self.process.as_mut().filter(|process| !process.log_failed) else { return };
        process.waiting.push_back((publisher, publish, batch));
        self.append(env, net);
    }

    /// Writes what waits, unless a commit is under way.
    pub(super) fn append(&mut self, env: &mut Env, net: &mut Network) {
        let Some(process) = self.process.as_mut().filter(|p| !p.committing && !p.waiting.is_empty()) else {
            return;
        };
        let requests: Vec<_> = process.waiting.drain(..).collect();
        let batches: Vec<Batch> = requests.iter().map(|(_, _, batch)| batch.clone()).collect();
        let wall = Timestamp(env.wall().0.saturating_add_signed(self.clock_off));
        match process.store.append(&batches, wall) {
            Ok(outcomes) => {
                for ((publisher, publish, _), outcome) in requests.into_iter().zip(outcomes) {
                    if matches!(outcome, Appended::Repeated { .. }) {
                        env.counters.count("log: a repeated publish");
                        self.watch.repeated(env, publisher, publish, self.life);
                    }
                    process.appended.push((publisher, publish, outcome));
                }
                process.committing = true;
                let usual = self.rng.millis(self.plan.commit.0, self.plan.commit.1);
                let slow = self.slow_sync.map_or(Duration::ZERO, Duration::from_millis);
                self.later(env, usual.max(slow), NodeEvent::Commits { life: self.life });
            }
            // Answered with an error: the publisher asks again.
            Err(StoreError::Full) => {
                env.counters.count("log: full");
                self.watch_disk(env);
            }
            Err(error) => self.log_failed(env, net, &error),
        }
    }

    /// A commit completes.
    pub(crate) fn commits(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life {
            return;
        }
        let Some(process) = self.process.as_mut().filter(|process| !process.log_failed) else { return };
        process.committing = false;
        let records = match process.store.commit() {
            Ok(records) => records,
            Err(error) => return self.log_failed(env, net, &error),
        };
        for record in records.iter() {
            if !matches!(record, Record::Event(_)) {
                env.trace.say(env.now, format_args!("the log holds {record:?}"));
            }
            if record.seq().get() == 1 << 32 {
                env.counters.reach(Rare::SeqsCross32Bits);
            }
            if let Err(said) = env.history.truth.commit(record) {
                env.violate("agreement", said);
            }
        }
        env.counters.add("log: records", records.len() as u64);
        for (publisher, publish, outcome) in std::mem::take(&mut process.appended) {
            let seqs = match outcome {
                Appended::New { seqs } | Appended::Repeated { seqs } => seqs,
                Appended::KeyReused => {
                    env.violate("idempotence", format!("p{publisher}-{publish}: key reused"));
                    continue;
                }
            };
            self.watch.committed(publisher, publish, self.life);
            if self.rng.percent(95) {
                let delay = self.rng.millis(0, 5);
                let what = PublisherEvent::AnswerArrives { publish, seqs };
                env.after(delay, Event::Publisher { publisher, what });
            }
        }
        if !records.is_empty() {
            process.tail.push_back(records);
            let delay = self.rng.millis(self.plan.tail.0, self.plan.tail.1);
            process.tail_due = process.tail_due.max(env.now + delay);
            let (node, at) = (self.number, process.tail_due);
            env.at(at, Event::Node { node, what: NodeEvent::TailArrives { life } });
        }
        self.append(env, net);
    }

    /// Committed records reach the shard.
    pub(crate) fn tail_arrives(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life {
            return;
        }
        let Some(records) = self.process.as_mut().and_then(|process| process.tail.pop_front()) else {
            return;
        };
        if let Some(last) = records.last() {
            self.watch_tail(last.seq());
        }
        self.watch_revocations(env, &records);
        if self.skips > 0
            && let Some(last) = records.last()
        {
            self.skips -= 1;
            env.counters.count("fault: the tail overflowed");
            env.trace.say(env.now, format_args!("gateway's tail skips up to {}", last.seq()));
            self.feed(env, net, Input::TailSkipped { upto: last.seq() });
        } else {
            self.feed(env, net, Input::Appended { records });
        }
    }

    /// The answer to a read.
    pub(crate) fn page_arrives(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        life: u32,
        conn: ConnId,
        query: &Query,
        page: Option<Page>,
    ) {
        if life != self.life {
            return;
        }
        let Some(process) = &mut self.process else { return };
        process.reads.remove(&conn);
        let page = match page {
            Some(page) => Ok(page),
            None => process.store.read(query),
        };
        match page {
            Ok(_) if self.rng.per_mille(3) => {
                env.counters.count("gateway: a read failed");
                self.feed(env, net, Input::ReadFailed { conn });
            }
            Ok(page) => self.feed(env, net, Input::PageRead { conn, page }),
            Err(error) => {
                self.feed(env, net, Input::ReadFailed { conn });
                self.log_failed(env, net, &error);
            }
        }
    }

    /// Retention is due.
    pub(crate) fn retains(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life {
            return;
        }
        self.watch_silence(env);
        self.watch_pairs(env);
        let wall = self.wall(env);
        let Some(process) = self.process.as_mut().filter(|process| !process.log_failed) else { return };
        let retained = process.store.retain(wall);
        // What went before something failed is gone.
        let oldest = process.store.status().oldest;
        if oldest > env.history.oldest {
            env.counters.count("log: retention removed something");
            env.history.oldest = oldest;
        }
        self.watch_disk(env);
        match retained {
            Ok(_) => {
                self.later(env, self.plan.retain_every, NodeEvent::Retains { life });
            }
            Err(error) => self.log_failed(env, net, &error),
        }
    }
}
