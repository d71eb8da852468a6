//! What the gateway makes of the body of a publish: all of it appended as it was written, or nothing and the reason.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use bowline_gateway::auth::{NewToken, Scopes, TokenSigner};
use bowline_gateway::config::{Config, KeySource, Secret, TokenKey};
use bowline_gateway::{Gateway, LogStore};
use bowline_log::{MemoryStore, SegmentConfig};
use bowline_proto::{Account, Epoch, Limits, Timestamp, Topic};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;
use tower_service::Service as _;

use crate::choices::Choices;
use crate::json_text::{Members, checked, text};

/// One byte: with an idempotency key or without. Then the body.
pub fn http_publish(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let has_key = choices.below(2) > 0;
    let body = choices.rest();
    let mut site = SITE.lock().unwrap_or_else(PoisonError::into_inner);
    if site.as_ref().is_none_or(|site| site.requests > MOST_REQUESTS) {
        *site = Some(Site::open());
    }
    site.as_mut().expect("it was opened above").publish(body, has_key);
}

/// The gateway of all runs; a log in memory grows, so it is made anew from time to time.
static SITE: Mutex<Option<Site>> = Mutex::new(None);
const MOST_REQUESTS: u64 = 2000;

const SECRET: &str = "a secret for targets that is long enough";
const EPOCH: Epoch = Epoch::from_bits(7);
/// Small enough that a fuzzer reaches them.
const LIMITS: Limits = Limits { message_bytes: 1024, depth: 8, topics_per_frame: 100 };

struct Site {
    runtime: Runtime,
    router: Router,
    store: Arc<MemoryStore>,
    authorization: String,
    requests: u64,
    // Dropped last: it serves what the router passes on.
    _gateway: Gateway,
}

impl Site {
    fn open() -> Site {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut config = Config { admin: None, shards: Some(1), ..Config::default() };
        config.limits.message_bytes = LIMITS.message_bytes;
        config.limits.depth = LIMITS.depth;
        config.auth.key = Some(TokenKey::Hs256(KeySource::Inline(Secret::new(SECRET))));
        let store = Arc::new(MemoryStore::new(EPOCH, SegmentConfig::default()));
        let kept: Arc<dyn LogStore> = store.clone();
        let builder = Gateway::builder().config(config).store(kept).embedded();
        let gateway = runtime.block_on(builder.start()).expect("a good configuration");
        let scopes = Scopes { publish: true, admin: true };
        let token = NewToken { scopes, ..NewToken::new(Account::new("publisher").expect("a name")) };
        let authorization = format!("Bearer {}", TokenSigner::new(Secret::new(SECRET)).mint(&token));
        let router = gateway.router();
        Site { runtime, router, store, authorization, requests: 0, _gateway: gateway }
    }

    fn publish(&mut self, body: &[u8], has_key: bool) {
        self.requests += 1;
        let key = has_key.then(|| format!("key-{}", self.requests));
        let before = self.store.status().head.get();
        let (status, answer) = self.ask("POST", "/v1/events", key.as_deref(), body);
        let appended = self.store.status().head.get() - before;
        match expected(body) {
            Expected::Refused(codes) => {
                assert_eq!(answer["status"], status.as_u16());
                let code = answer["code"].as_str().expect("a problem has a code");
                assert!(codes.contains(&code), "{status} {answer} but {codes:?}");
                assert_eq!(appended, 0);
            }
            Expected::Taken { elements, is_array } => {
                let count: usize = elements.iter().map(|element| element.events.len()).sum();
                let is_logged = count > 0;
                assert_eq!(
                    status,
                    if is_logged { StatusCode::CREATED } else { StatusCode::ACCEPTED },
                    "{answer}"
                );
                assert_eq!(appended, count as u64);
                let answers = if is_array { answer.as_array().cloned() } else { Some(vec![answer.clone()]) };
                self.follow(before, &elements, &answers.expect("an array for an array"));
                if let Some(key) = key.filter(|_| is_logged) {
                    self.repeat(&key, body, &answer);
                }
            }
            Expected::Unclear => {}
        }
    }

    /// The answers name the places, and there stands what was published.
    fn follow(&mut self, before: u64, elements: &[Element], answers: &[Value]) {
        assert_eq!(answers.len(), elements.len());
        let mut next = before;
        for (element, answer) in elements.iter().zip(answers) {
            assert_eq!(answer["epoch"], EPOCH.to_string());
            let first = next + 1;
            next += element.events.len() as u64;
            let several: Vec<u64> = if element.events.len() > 1 { (first..=next).collect() } else { vec![] };
            let told: Vec<u64> =
                answer["seqs"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
            assert_eq!(told, several);
            assert_eq!(answer["seq"].as_u64(), (!element.events.is_empty()).then_some(next));
            // The first and the last are enough: the same code makes them all.
            for (seq, event) in (first..).zip(&element.events) {
                if seq == first || seq == next {
                    self.look_up(seq, event);
                }
            }
        }
    }

    fn look_up(&mut self, seq: u64, event: &Event) {
        let path = format!("/v1/topics/{}/events?after={}&limit=1", escaped(event.topic.as_str()), seq - 1);
        let (status, page) = self.ask_raw("GET", &path, None, b"");
        assert_eq!(status, StatusCode::OK);
        let page: Page<'_> = serde_json::from_slice(&page).expect("a page");
        let [found] = page.events[..] else { panic!("one event at {seq}") };
        let members = Members::read(found.get().as_bytes(), &Limits { message_bytes: usize::MAX, ..LIMITS });
        let members = members.expect("an event's frame is within the limits that it was published under");
        assert_eq!(members.exact("payload"), Some(event.payload.as_str()));
        assert_eq!(text(members.given("type")), Ok(Some(event.kind.clone())));
        assert_eq!(text(members.given("topic")), Ok(Some(event.topic.to_string())));
        assert_eq!(members.given("seq"), Some(seq.to_string().as_str()));
        if let Some(at) = event.timestamp {
            assert_eq!(text(members.given("timestamp")), Ok(Some(at.to_string())));
        }
        assert!(found.get().len() <= LIMITS.message_bytes, "longer than a client takes");
    }

    /// The same key and body give the same answer; another body is refused.
    fn repeat(&mut self, key: &str, body: &[u8], answer: &Value) {
        let head = self.store.status().head;
        assert_eq!(self.ask("POST", "/v1/events", Some(key), body).1, *answer);
        let (_, refusal) = self.ask("POST", "/v1/events", Some(key), &[body, b" "].concat());
        assert_eq!(refusal["code"], "idempotency_key_reused");
        assert_eq!(self.store.status().head, head);
    }

    fn ask(&mut self, method: &str, path: &str, key: Option<&str>, body: &[u8]) -> (StatusCode, Value) {
        let (status, answer) = self.ask_raw(method, path, key, body);
        assert!(!status.is_server_error(), "{status}");
        (status, serde_json::from_slice(&answer).expect("every answer is JSON"))
    }

    fn ask_raw(&mut self, method: &str, path: &str, key: Option<&str>, body: &[u8]) -> (StatusCode, Vec<u8>) {
        let mut request =
            Request::builder().method(method).uri(path).header(header::AUTHORIZATION, &self.authorization);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body.to_vec())).expect("a good request");
        self.runtime.block_on(async {
            let answer = self.router.call(request).await.unwrap_or_else(|never| match never {});
            let status = answer.status();
            if !status.is_success() {
                assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
            }
            (status, answer.into_body().collect().await.expect("it is all there").to_bytes().to_vec())
        })
    }
}

#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// Percent-encodes one segment of a path.
fn escaped(segment: &str) -> String {
    segment.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

enum Expected {
    /// One of these codes.
    Refused(Vec<&'static str>),
    Taken {
        elements: Vec<Element>,
        is_array: bool,
    },
    /// A body that is no UTF-8 somewhere where nobody looks.
    Unclear,
}

/// One element of the request; a signal has no events.
struct Element {
    events: Vec<Event>,
}

struct Event {
    topic: Topic,
    kind: String,
    payload: String,
    timestamp: Option<Timestamp>,
}

/// What `docs/protocol.md`, section 2, makes of a body.
fn expected(body: &[u8]) -> Expected {
    if core::str::from_utf8(body).is_err() {
        return Expected::Unclear;
    }
    let bad_json = || Expected::Refused(vec!["bad_json"]);
    let is_array = body.trim_ascii_start().first() == Some(&b'[');
    let raw: Result<Vec<&RawValue>, _> = if is_array {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|one| vec![one])
    };
    let Ok(raw) = raw else { return bad_json() };
    if raw.is_empty() {
        return Expected::Refused(vec!["no_events"]);
    }
    let shapes: Option<Vec<Shape>> = raw.into_iter().map(|raw| Shape::of(raw.get())).collect();
    let Some(shapes) = shapes else { return bad_json() };
    let elements: Result<Vec<Element>, &'static str> = shapes.into_iter().map(Shape::judge).collect();
    match elements {
        Err(code) => Expected::Refused(vec![code]),
        Ok(elements) if elements.iter().map(|element| element.events.len()).sum::<usize>() > 1000 => {
            Expected::Refused(vec!["too_large"])
        }
        Ok(elements) => Expected::Taken { elements, is_array },
    }
}

/// An element whose members are of the right types.
struct Shape {
    topic: Option<String>,
    topics: Option<Vec<String>>,
    kind: String,
    payload: String,
    timestamp: Option<String>,
    is_ephemeral: bool,
}

impl Shape {
    fn of(raw: &str) -> Option<Shape> {
        let any = Limits { message_bytes: usize::MAX, depth: usize::MAX, topics_per_frame: 0 };
        let members = Members::read(raw.as_bytes(), &any).ok()?;
        let known = ["topic", "topics", "type", "payload", "timestamp", "ephemeral"];
        if known.iter().any(|name| members.count(name) > 1) {
            return None;
        }
        let topics = members.given("topics").map(serde_json::from_str).transpose().ok()?;
        Some(Shape {
            topic: text(members.given("topic")).ok()?,
            topics,
            kind: text(members.given("type")).ok()??,
            payload: members.exact("payload")?.to_owned(),
            timestamp: text(members.given("timestamp")).ok()?,
            is_ephemeral: match members.exact("ephemeral") {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => return None,
            },
        })
    }

    fn judge(self) -> Result<Element, &'static str> {
        let names = match (self.topic, self.topics) {
            (Some(topic), None) => vec![topic],
            (None, Some(topics)) if !topics.is_empty() => topics,
            _ => return Err("no_topic"),
        };
        let topics: Result<Vec<Topic>, _> = names.iter().map(|name| Topic::new(name)).collect();
        let topics = topics.map_err(|_| "invalid_topic")?;
        if !(1..=128).contains(&self.kind.len()) || self.kind.chars().any(char::is_control) {
            return Err("invalid_type");
        }
        let timestamp = self.timestamp.map(|text| Timestamp::parse_rfc3339(&text).ok_or("invalid_timestamp"));
        let timestamp = timestamp.transpose()?;
        let inside = Limits { message_bytes: usize::MAX, depth: LIMITS.depth - 1, ..LIMITS };
        checked(self.payload.as_bytes(), &inside).map_err(|_| "bad_payload")?;
        let longest = topics.iter().map(|topic| topic.as_str().len()).max().unwrap_or_default();
        if self.payload.len() + 2 * (longest + self.kind.len()) + 160 > LIMITS.message_bytes {
            return Err("too_large");
        }
        if self.is_ephemeral {
            return Ok(Element { events: Vec::new() });
        }
        if topics.iter().any(Topic::is_on_demand) {
            return Err("on_demand_topic");
        }
        let (kind, payload) = (self.kind, self.payload);
        let event = |topic| Event { topic, kind: kind.clone(), payload: payload.clone(), timestamp };
        Ok(Element { events: topics.into_iter().map(event).collect() })
    }
}
