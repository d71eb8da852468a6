//! Publishers that repeat every unanswered request under its idempotency key until it is answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bowline_history::Publish;
use bowline_proto::{Seq, Topic};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::account;
use crate::diary::now_micros;
use crate::gateway::{Gateway, TortureError};

/// What was published and what became of it, in the words of the checker.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Every request by publisher and number.
    pub(crate) publishes: BTreeMap<(usize, u64), Publish>,
    /// Answers that break a rule.
    pub(crate) complaints: Vec<String>,
}

impl Ledger {
    /// How many events were acknowledged.
    pub(crate) fn acked(&self) -> usize {
        self.publishes.values().filter_map(|publish| publish.acked.as_ref()).map(Vec::len).sum()
    }

    /// How many events are in the log or not: nobody was told.
    pub(crate) fn unknown(&self) -> usize {
        self.publishes.values().filter(|publish| publish.acked.is_none()).map(|p| p.events.len()).sum()
    }
}

/// The highest acknowledged seq of each topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(BTreeMap<Topic, u64>);

impl Marks {
    /// The highest of all topics.
    pub(crate) fn last(&self) -> u64 {
        self.0.values().copied().max().unwrap_or(0)
    }

    /// The highest of these topics.
    pub(crate) fn last_of(&self, topics: &[Topic]) -> u64 {
        topics.iter().filter_map(|topic| self.0.get(topic)).copied().max().unwrap_or(0)
    }
}

/// Publishers at work.
#[derive(Debug)]
pub(crate) struct Publishers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    ledger: Mutex<Ledger>,
    marks: Mutex<Marks>,
    /// Answered requests.
    answers: AtomicU64,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("a publisher does not panic with the ledger")
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().expect("a publisher does not panic with the marks")
    }
}

#[derive(Deserialize)]
struct Placed {
    seq: u64,
}

/// Each thread owns its topics, so that the order of publishing in a topic is known.
const THREADS: usize = 4;
/// Arrays per second and thread: one event of each own topic in an array, several times.
const REQUESTS_PER_SECOND: u32 = 50;
/// How long an unanswered request is repeated after the stop; then it stays unknown.
const LAST_TRIES: Duration = Duration::from_secs(10);

impl Publishers {
    /// Publishes `rate` events a second spread evenly over `topics`. The last thread goes through `detour`, if given.
    pub(crate) fn start(
        gateway: &Gateway,
        topics: &[Topic],
        rate: u32,
        detour: Option<SocketAddr>,
    ) -> Result<Self, TortureError> {
        let token = account::token(gateway, "torture-publisher", Some("publish"))?;
        let shared = Arc::new(Shared::default());
        let run = now_micros();
        let mut left = rate;
        let threads = (0..THREADS)
            .map(|thread| {
                let share = left / (THREADS - thread) as u32;
                left -= share;
                let per_request = share.div_ceil(REQUESTS_PER_SECOND).max(1);
                let addr = detour.filter(|_| thread + 1 == THREADS).unwrap_or(gateway.listen());
                let publisher = Publisher {
                    run,
                    url: format!("http://{addr}/v1/events"),
                    token: token.clone(),
                    thread,
                    own: topics.iter().skip(thread).step_by(THREADS).cloned().collect(),
                    per_request,
                    pause: Duration::from_secs(1).mul_f64(f64::from(per_request) / f64::from(share.max(1))),
                    shared: Arc::clone(&shared),
                };
                thread::spawn(move || publisher.run())
            })
            .collect();
        Ok(Publishers { shared, threads })
    }

    /// No publisher at all.
    pub(crate) fn nobody() -> Self {
        Publishers { shared: Arc::default(), threads: Vec::new() }
    }

    /// What readers must reach to have all that is acknowledged by now.
    pub(crate) fn marks(&self) -> Marks {
        self.shared.marks().clone()
    }

    /// How many requests have been answered.
    pub(crate) fn answers(&self) -> u64 {
        self.shared.answers.load(Ordering::Relaxed)
    }

    /// Stops after the requests under way are answered; the ledger is complete then. Also what readers must reach.
    pub(crate) fn finish(self) -> (Ledger, Marks) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        (std::mem::take(&mut *self.shared.ledger()), std::mem::take(&mut *self.shared.marks()))
    }
}

struct Publisher {
    /// Keys of different runs on one gateway must differ.
    run: u64,
    url: String,
    token: String,
    thread: usize,
    own: Vec<Topic>,
    per_request: u32,
    pause: Duration,
    shared: Arc<Shared>,
}

impl Publisher {
    fn run(self) {
        if self.own.is_empty() {
            return;
        }
        let agent = account::agent();
        let mut next = Instant::now();
        let (mut request, mut count) = (0_u64, 0_u64);
        while !self.shared.stop.load(Ordering::Relaxed) {
            request += 1;
            let body = self.prepare(request, &mut count);
            self.publish_until_answered(&agent, request, &body);
            next += self.pause;
            let now = Instant::now();
            if next > now {
                thread::sleep(next - now);
            } else {
                next = now; // the gateway was away: no burst to catch up
            }
        }
    }

    /// The next events of our topics in turn, entered in the ledger as unanswered.
    fn prepare(&self, request: u64, count: &mut u64) -> Vec<u8> {
        let mut events = Vec::new();
        for _ in 0..self.per_request {
            *count += 1;
            let topic = self.own[(*count % self.own.len() as u64) as usize].clone();
            // A payload is flat and differs from every other: the checker tells by it which publish it was.
            let fill = "x".repeat(fill_of(*count));
            let payload = format!(
                r#"{{"t":{},"n":{count},"at":{},"run":{},"fill":"{fill}"}}"#,
                self.thread,
                now_micros(),
                self.run
            );
            let raw = RawValue::from_string(payload.clone()).expect("the payload is JSON");
            events.push((topic, Bytes::from(payload), raw));
        }
        let wire: Vec<_> = events
            .iter()
            .map(|(topic, _, raw)| Sent { topic: topic.as_str(), r#type: "torture.event", payload: raw })
            .collect();
        let body = serde_json::to_vec(&wire).expect("events serialize");
        let events = events.into_iter().map(|(topic, payload, _)| (topic, payload)).collect();
        self.shared.ledger().publishes.insert((self.thread, request), Publish { events, acked: None });
        body
    }

    fn publish_until_answered(&self, agent: &ureq::Agent, request: u64, body: &[u8]) {
        let key = format!("{}-{}-{request}", self.run, self.thread);
        let mut stopped_at = None;
        loop {
            let answer = agent
                .post(&self.url)
                .header("authorization", format!("Bearer {}", self.token))
                .header("content-type", "application/json")
                .header("idempotency-key", &key)
                .send(body);
            match answer {
                Ok(mut answer) if answer.status().as_u16() == 201 => {
                    if let Ok(text) = answer.body_mut().read_to_string()
                        && let Ok(placed) = serde_json::from_str::<Vec<Placed>>(&text)
                    {
                        return self.answered(request, &placed);
                    }
                }
                // Too much at once, no room, not now: all of it may be tried again. Anything else is a lie.
                Ok(answer) if matches!(answer.status().as_u16(), 408 | 429 | 500..) => {}
                Ok(answer) => {
                    let said =
                        format!("publisher {}: request {request} got {}", self.thread, answer.status());
                    self.shared.ledger().complaints.push(said);
                    return;
                }
                Err(_) => {}
            }
            if self.shared.stop.load(Ordering::Relaxed) {
                let since = *stopped_at.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST_TRIES {
                    return;
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn answered(&self, request: u64, placed: &[Placed]) {
        let seqs: Vec<Seq> = placed.iter().filter_map(|one| Seq::new(one.seq)).collect();
        let mut ledger = self.shared.ledger();
        if let Some(publish) = ledger.publishes.get_mut(&(self.thread, request)) {
            if seqs.len() != publish.events.len() {
                let said =
                    format!("request {request} of {} events got {} places", publish.events.len(), seqs.len());
                ledger.complaints.push(said);
                return;
            }
            let mut marks = self.shared.marks();
            for ((topic, _), seq) in publish.events.iter().zip(&seqs) {
                let mark = marks.0.entry(topic.clone()).or_default();
                *mark = seq.get().max(*mark);
            }
            publish.acked = Some(seqs);
        }
        drop(ledger);
        self.shared.answers.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(serde::Serialize)]
struct Sent<'a> {
    topic: &'a str,
    r#type: &'a str,
    payload: &'a RawValue,
}

/// Bytes that make a payload larger: mostly none, so that rates are high; sometimes enough for the longer headers of frames.
fn fill_of(count: u64) -> usize {
    match count % 1_000 {
        500 => 60_000,
        100 | 300 | 700 => 2_000,
        n if n % 10 == 0 => 120,
        _ => 0,
    }
}
