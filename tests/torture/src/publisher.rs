//! Publishers that repeat every unanswered request under its idempotency key until it is answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use serde_json::json;

use crate::account;
use crate::gateway::{Gateway, TortureError};

/// What became of each event, by topic and in the order of publishing.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// One entry per topic.
    pub(crate) topics: Vec<TopicLedger>,
}

/// The events of one topic. Event `n` is at index `n`.
#[derive(Debug, Default)]
pub(crate) struct TopicLedger {
    pub(crate) topic: String,
    /// The seq of an acknowledged event; `None` where the run ended before an answer.
    pub(crate) acked: Vec<Option<u64>>,
}

/// Publishers at work.
pub(crate) struct Publishers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Deserialize)]
struct Placed {
    seq: u64,
}

/// Each thread owns its topics, so that the order of publishing in a topic is known.
const THREADS: usize = 4;
/// Arrays per second and thread: one event of each own topic in an array, several times.
const REQUESTS_PER_SECOND: u32 = 50;

impl Publishers {
    /// Publishes `rate` events a second spread evenly over `topics`.
    pub(crate) fn start(gateway: &Gateway, topics: &[String], rate: u32) -> Result<Self, TortureError> {
        let token = account::token(gateway, "torture-publisher", Some("publish"))?;
        let ledger = Ledger {
            topics: topics
                .iter()
                .map(|topic| TopicLedger { topic: topic.clone(), acked: Vec::new() })
                .collect(),
        };
        let ledger = Arc::new(Mutex::new(ledger));
        let stop = Arc::new(AtomicBool::new(false));
        let url = format!("http://{}/v1/events", gateway.listen());
        let run = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let per_request = (rate as usize).div_ceil(THREADS * REQUESTS_PER_SECOND as usize).max(1);
        let threads = (0..THREADS)
            .map(|thread| {
                let own: Vec<usize> = (thread..topics.len()).step_by(THREADS).collect();
                let publisher = Publisher {
                    run,
                    url: url.clone(),
                    token: token.clone(),
                    thread,
                    own,
                    per_request,
                    pause: Duration::from_secs(1) / REQUESTS_PER_SECOND,
                    ledger: Arc::clone(&ledger),
                    stop: Arc::clone(&stop),
                };
                thread::spawn(move || publisher.run())
            })
            .collect();
        Ok(Publishers { stop, threads, ledger })
    }

    /// Stops after the requests under way are answered; the ledger is complete then.
    pub(crate) fn finish(self) -> Ledger {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        std::mem::take(&mut *self.ledger.lock().expect("a publisher does not panic with the ledger"))
    }
}

struct Publisher {
    /// Keys of different runs on one gateway must differ.
    run: u128,
    url: String,
    token: String,
    thread: usize,
    own: Vec<usize>,
    per_request: usize,
    pause: Duration,
    ledger: Arc<Mutex<Ledger>>,
    stop: Arc<AtomicBool>,
}

impl Publisher {
    fn run(self) {
        if self.own.is_empty() {
            return;
        }
        let agent = account::agent();
        let mut next = Instant::now();
        let mut request = 0_u64;
        let mut turn = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let (events, places) = self.prepare(&mut turn);
            request += 1;
            self.publish_until_answered(
                &agent,
                &format!("{}-{}-{request}", self.run, self.thread),
                &events,
                &places,
            );
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
    fn prepare(&self, turn: &mut usize) -> (Vec<u8>, Vec<(usize, usize)>) {
        let now =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
        let mut ledger = self.ledger.lock().expect("a publisher does not panic with the ledger");
        let mut events = Vec::new();
        let mut places = Vec::new();
        for _ in 0..self.per_request {
            let index = self.own[*turn % self.own.len()];
            *turn += 1;
            let topic = &mut ledger.topics[index];
            let n = topic.acked.len();
            topic.acked.push(None);
            events
                .push(json!({"topic": topic.topic, "type": "torture.event", "payload": {"n": n, "at": now}}));
            places.push((index, n));
        }
        (serde_json::to_vec(&events).expect("events serialize"), places)
    }

    fn publish_until_answered(&self, agent: &ureq::Agent, key: &str, body: &[u8], places: &[(usize, usize)]) {
        let mut given_up_at = None;
        loop {
            let answer = agent
                .post(&self.url)
                .header("authorization", format!("Bearer {}", self.token))
                .header("content-type", "application/json")
                .header("idempotency-key", key)
                .send(body);
            if let Ok(mut answer) = answer
                && answer.status().as_u16() == 201
                && let Ok(text) = answer.body_mut().read_to_string()
                && let Ok(placed) = serde_json::from_str::<Vec<Placed>>(&text)
            {
                let mut ledger = self.ledger.lock().expect("a publisher does not panic with the ledger");
                for ((topic, n), one) in places.iter().zip(&placed) {
                    ledger.topics[*topic].acked[*n] = Some(one.seq);
                }
                return;
            }
            // After the stop an unanswered request is tried a little longer, then stays unknown.
            if self.stop.load(Ordering::Relaxed) {
                let since = *given_up_at.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_secs(5) {
                    return;
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
