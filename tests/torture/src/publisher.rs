//! Publishers that repeat every unanswered request under its idempotency key until it is answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bowline_history::{Attempt, Digest};
use bowline_proto::{Seq, Topic};
use serde_json::value::RawValue;

use crate::account::{self, Placed};
use crate::book::Book;
use crate::diary::now_micros;
use crate::gateway::{Gateway, TortureError};

/// The highest acknowledged seq of each topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(BTreeMap<Topic, u64>);

impl Marks {
    /// Something of `topic` was answered with this place.
    pub(crate) fn raise(&mut self, topic: &Topic, seq: Option<Seq>) {
        let mark = self.0.entry(topic.clone()).or_default();
        *mark = seq.map_or(0, Seq::get).max(*mark);
    }

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
    book: Book,
    /// Answers that no publisher should get.
    complaints: Mutex<Vec<String>>,
    marks: Mutex<Marks>,
    /// Answered requests.
    answers: AtomicU64,
}

impl Shared {
    fn complain(&self, what: String) {
        self.complaints.lock().expect("a publisher does not panic with the complaints").push(what);
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().expect("a publisher does not panic with the marks")
    }
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
        book: &Book,
        detour: Option<SocketAddr>,
    ) -> Result<Self, TortureError> {
        let token = account::token(gateway, "torture-publisher", Some("publish"))?;
        let shared = Arc::new(Shared { book: book.clone(), ..Shared::default() });
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

    /// Stops after the requests under way are answered. What readers must reach then, and answers that nobody should get.
    pub(crate) fn finish(self) -> (Marks, Vec<String>) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        let complaints = self.shared.complaints.lock().map(|all| all.clone()).unwrap_or_default();
        (std::mem::take(&mut *self.shared.marks()), complaints)
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
        let mut count = 0_u64;
        for number in 0.. {
            if self.shared.stop.load(Ordering::Relaxed) {
                return;
            }
            let batch = self.prepare(&mut count);
            self.publish_until_answered(&agent, number, &batch);
            next += self.pause;
            let now = Instant::now();
            if next > now {
                thread::sleep(next - now);
            } else {
                next = now; // the gateway was away: no burst to catch up
            }
        }
    }

    /// The next events of our topics in turn. A payload differs from every other of its topic: the checker tells by it
    /// which publish it was.
    fn prepare(&self, count: &mut u64) -> Vec<(Topic, Box<RawValue>)> {
        let mut event = || {
            *count += 1;
            let topic = self.own[(*count % self.own.len() as u64) as usize].clone();
            let fill = "x".repeat(fill_of(*count));
            let (at, run) = (now_micros(), self.run);
            let payload = format!(r#"{{"n":{count},"at":{at},"run":{run},"fill":"{fill}"}}"#);
            (topic, RawValue::from_string(payload).expect("the payload is JSON"))
        };
        (0..self.per_request).map(|_| event()).collect()
    }

    fn publish_until_answered(&self, agent: &ureq::Agent, number: u64, batch: &[(Topic, Box<RawValue>)]) {
        let name = (self.thread, number);
        let sent: Vec<_> = batch
            .iter()
            .map(|(topic, payload)| Sent { topic: topic.as_str(), r#type: "torture.event", payload })
            .collect();
        let body = serde_json::to_vec(&sent).expect("events serialize");
        let entries = batch.iter().map(|(topic, payload)| Attempt::Event {
            topic: topic.clone(),
            payload: Digest::of(payload.get().as_bytes()),
        });
        self.shared.book.attempt(name, entries.collect());
        let key = format!("{}-{}-{number}", self.run, self.thread);
        let mut stopped_at = None;
        loop {
            let answer = agent
                .post(&self.url)
                .header("authorization", format!("Bearer {}", self.token))
                .header("content-type", "application/json")
                .header("idempotency-key", &key)
                .send(&body[..]);
            match answer {
                Ok(mut answer) if answer.status().as_u16() == 201 => {
                    if let Ok(text) = answer.body_mut().read_to_string()
                        && let Ok(placed) = serde_json::from_str::<Vec<Placed>>(&text)
                    {
                        let seqs: Vec<Seq> = placed.iter().filter_map(|one| Seq::new(one.seq)).collect();
                        self.shared.book.answered(name, &seqs);
                        return self.mark(batch, &seqs);
                    }
                }
                // Too much at once, no room, not now: all of it may be tried again. Anything else is a lie.
                Ok(answer) if matches!(answer.status().as_u16(), 408 | 429 | 500..) => {}
                Ok(answer) => {
                    return self
                        .shared
                        .complain(format!("publish {name:?} was answered with {}", answer.status()));
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

    fn mark(&self, batch: &[(Topic, Box<RawValue>)], seqs: &[Seq]) {
        let mut marks = self.shared.marks();
        for ((topic, _), seq) in batch.iter().zip(seqs) {
            marks.raise(topic, Some(*seq));
        }
        drop(marks);
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
