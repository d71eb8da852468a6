//! What a backend publishes: events with idempotency keys, asked again with the same key until they are answered;
//! grants and revocations.

use std::collections::BTreeMap;

use bowline_log::{Batch, Entry, IdempotencyKey, NewEvent};
use bowline_proto::{Account, Seq, Topic};
use core::time::Duration;

use crate::env::Env;
use crate::event::{Event, NodeEvent, NodeNo, PublishNo, PublisherEvent, PublisherNo};
use crate::plan::{PublisherPlan, account};
use crate::rng::Rng;
use bowline_history::{Attempt, Digest};

/// One backend.
#[derive(Debug)]
pub(crate) struct Publisher {
    number: PublisherNo,
    plan: PublisherPlan,
    rng: Rng,
    topics: Vec<Topic>,
    /// Whom it grants what.
    accounts: Vec<Account>,
    next: PublishNo,
    unanswered: BTreeMap<PublishNo, Request>,
    stopped: bool,
}

#[derive(Debug)]
struct Request {
    batch: Batch,
    attempt: u32,
}

impl Publisher {
    pub(crate) fn new(
        number: PublisherNo,
        plan: PublisherPlan,
        rng: Rng,
        topics: Vec<Topic>,
        accounts: Vec<Account>,
    ) -> Self {
        let unanswered = BTreeMap::new();
        Publisher { number, plan, rng, topics, accounts, next: 0, unanswered, stopped: false }
    }

    /// The request itself, while it is unanswered.
    pub(crate) fn batch(&self, publish: PublishNo) -> Option<&Batch> {
        self.unanswered.get(&publish).map(|request| &request.batch)
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// Makes no new publish any more.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Its turn has come.
    pub(crate) fn tick(&mut self, env: &mut Env) {
        if self.stopped {
            return;
        }
        if self.next == 0 && self.number == 0 {
            self.grant_first(env);
        }
        if self.unanswered.len() < self.plan.pipelined {
            let batch = self.make_up(env);
            self.begin(env, batch);
        }
        let whole = u64::try_from(self.plan.every.as_millis()).unwrap_or(u64::MAX);
        let every = self.plan.every / 2 + self.rng.millis(0, whole);
        let what = PublisherEvent::Ticks;
        env.after(every, Event::Publisher { publisher: self.number, what });
    }

    /// The gateway has answered.
    pub(crate) fn answered(&mut self, env: &mut Env, publish: PublishNo, seqs: &[Seq]) {
        self.unanswered.remove(&publish);
        env.history.answered((self.number, publish), seqs);
    }

    /// No answer came.
    pub(crate) fn overdue(&mut self, env: &mut Env, publish: PublishNo, attempt: u32) {
        if let Some(request) = self.unanswered.get_mut(&publish)
            && request.attempt == attempt
        {
            request.attempt += 1;
            env.counters.count("publisher: asked again");
            self.send(env, publish);
        }
    }

    /// At first everybody gets most of the conversations.
    fn grant_first(&mut self, env: &mut Env) {
        let conversations: Vec<Topic> = self.conversations();
        let mut entries = Vec::new();
        for account in self.accounts.clone() {
            for topic in &conversations {
                if self.rng.percent(70) {
                    entries.push(Entry::Grant { account: account.clone(), topic: topic.clone() });
                }
            }
        }
        if !entries.is_empty() {
            let key = self.key();
            self.begin(env, Batch { entries, key });
        }
    }

    fn make_up(&mut self, env: &mut Env) -> Batch {
        if self.rng.percent(self.plan.grants) {
            let account = self.rng.pick(&self.accounts).clone();
            let conversations = self.conversations();
            let topic = self.rng.pick(&conversations).clone();
            let grants = self.rng.percent(60);
            env.counters.count(if grants { "publisher: grants" } else { "publisher: revocations" });
            let entry =
                if grants { Entry::Grant { account, topic } } else { Entry::Revoke { account, topic } };
            return Batch { entries: vec![entry], key: self.key() };
        }
        let mut entries = Vec::new();
        for part in 0..*self.rng.pick(&[1u64, 1, 1, 3]) {
            let padding = usize::try_from(self.rng.below(self.plan.padding + 1)).unwrap_or(0);
            let payload = format!(
                "{{\"k\":\"p{}-{}-{part}\",\"x\":\"{}\"}}",
                self.number,
                self.next,
                "y".repeat(padding)
            );
            entries.push(Entry::Event(NewEvent {
                topic: self.rng.pick(&self.topics).clone(),
                kind: "message.new".into(),
                payload: payload.into(),
                timestamp: env.wall(),
            }));
        }
        Batch { entries, key: self.key() }
    }

    /// The idempotency key of the next publish: a retry without one may lie in the log twice.
    fn key(&self) -> Option<IdempotencyKey> {
        let key = format!("p{}-{}", self.number, self.next);
        let body = [u8::try_from(self.next % 251).unwrap_or(0); 32];
        Some(IdempotencyKey { account: account(&self.plan.account), key, body })
    }

    fn begin(&mut self, env: &mut Env, batch: Batch) {
        let publish = self.next;
        self.next += 1;
        let entries = batch.entries.iter().map(|entry| match entry {
            Entry::Event(event) => {
                Attempt::Event { topic: event.topic.clone(), payload: Digest::of(&event.payload) }
            }
            Entry::Grant { account, topic } => {
                Attempt::Grant { account: account.clone(), topic: topic.clone() }
            }
            Entry::Revoke { account, topic } => {
                Attempt::Revoke { account: account.clone(), topic: topic.clone() }
            }
        });
        env.history.attempt((self.number, publish), entries.collect());
        self.unanswered.insert(publish, Request { batch, attempt: 0 });
        self.send(env, publish);
    }

    fn send(&mut self, env: &mut Env, publish: PublishNo) {
        let attempt = self.unanswered.get(&publish).map_or(0, |request| request.attempt);
        let publisher = self.number;
        let delay = self.rng.millis(0, 5);
        env.after(delay, Event::Node { node: HOME, what: NodeEvent::Published { publisher, publish } });
        let spread: Duration = self.rng.millis(0, 200);
        let what = PublisherEvent::Overdue { publish, attempt };
        env.after(self.plan.retries_after + spread, Event::Publisher { publisher, what });
    }

    fn conversations(&self) -> Vec<Topic> {
        self.topics.iter().filter(|topic| topic.as_str().starts_with("conv:")).cloned().collect()
    }
}

/// The node that everybody asks.
const HOME: NodeNo = 0;
