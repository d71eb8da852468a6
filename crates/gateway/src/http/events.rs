//! `POST /v1/events`: one event or an array of them, all or nothing, answered when durable.
//!
//! An ephemeral one is never logged: it goes to whoever is subscribed now. Within an array, the signals go out after the
//! events are durable. One event with several `topics` is appended once per topic.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bowline_gateway_core::Shared;
use bowline_log::{Entry, IdempotencyKey, NewEvent};
use bowline_proto::typed::Object;
use bowline_proto::{Epoch, Limits, Seq, Timestamp, Topic, check_json, encode_signal};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::clock;
use crate::http::bearer::Publisher;
use crate::http::body::{self, MAX_BODY};
use crate::metrics::Tally;
use crate::node::Node;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;
use crate::publish::{self, Published};

/// The most entries that one request appends.
const MAX_ENTRIES: usize = 1000;
/// The longest type.
const MAX_TYPE_BYTES: usize = 128;
/// The longest idempotency key (wire protocol, section 2).
const MAX_KEY_BYTES: usize = 255;
/// What an event's frame holds besides topic, type and payload, at most.
const ENVELOPE_BYTES: usize = 160;

#[derive(Deserialize)]
struct EventBody<'a> {
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    topics: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
    timestamp: Option<Cow<'a, str>>,
    #[serde(default)]
    ephemeral: bool,
}

/// Where an event stands. `seqs` only for an event with several topics, in their order; `seq` is the last of them then.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    epoch: String,
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seqs: Vec<u64>,
}

/// One element of the request.
enum Parsed {
    Events(Vec<NewEvent>),
    Signals(Vec<Shared>),
}

pub(crate) async fn publish(
    State(node): State<Arc<Node>>,
    Publisher(claims): Publisher,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let body = body::read(body, MAX_BODY).await?;
    let (parsed, is_array) = parse(&body, &node.limits())?;
    let entries: Vec<Entry> = parsed.iter().flat_map(entries_of).collect();
    if entries.len() > MAX_ENTRIES {
        let detail = format!("one request appends at most {MAX_ENTRIES} events; split it");
        return Err(Problem::too_large(detail));
    }
    let is_logged = !entries.is_empty();
    let published = if is_logged {
        let key = key.map(|key| IdempotencyKey {
            account: claims.account,
            key,
            body: Sha256::digest(&body).into(),
        });
        publish::append(&node, entries, key).await?
    } else {
        Published { epoch: node.journal.status().epoch, seqs: Vec::new() }
    };
    let mut answers = answers(&node, parsed, &published);
    // 202: a signal is passed on, and nobody promises that anybody gets it.
    let status = if is_logged { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    match answers.pop() {
        Some(answer) if !is_array => Ok((status, Json(answer)).into_response()),
        last => {
            answers.extend(last);
            Ok((status, Json(answers)).into_response())
        }
    }
}

impl Answer {
    pub(crate) fn new(epoch: Epoch, seqs: Vec<Seq>) -> Answer {
        let seq = seqs.last().map(|seq| seq.get());
        let seqs = if seqs.len() > 1 { seqs.into_iter().map(Seq::get).collect() } else { Vec::new() };
        Answer { epoch: epoch.to_string(), seq, seqs }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let bad = || {
        let detail = format!("Idempotency-Key has 1 to {MAX_KEY_BYTES} visible ASCII characters");
        Problem::new(ProblemCode::BadIdempotencyKey, detail)
    };
    let key = value.to_str().map_err(|_| bad())?;
    // A header's value may also hold spaces and tabs.
    let is_key = (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key { Ok(Some(key.to_owned())) } else { Err(bad()) }
}

fn parse(body: &[u8], limits: &Limits) -> Result<(Vec<Parsed>, bool), Problem> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_array = first == Some(&b'[');
    let bad = |error: serde_json::Error| Problem::new(ProblemCode::BadJson, error.to_string());
    let bodies: Vec<Object<EventBody<'_>>> = if is_array {
        serde_json::from_slice(body).map_err(bad)?
    } else {
        vec![serde_json::from_slice(body).map_err(bad)?]
    };
    if bodies.is_empty() {
        return Err(Problem::new(ProblemCode::NoEvents, "the array is empty: send at least one event"));
    }
    let now = clock::wall();
    let parsed: Result<_, Problem> =
        bodies.into_iter().map(|Object(body)| parse_one(body, limits, now)).collect();
    Ok((parsed?, is_array))
}

fn parse_one(body: EventBody<'_>, limits: &Limits, now: Timestamp) -> Result<Parsed, Problem> {
    let topics = topics_of(&body)?;
    let kind = body.r#type;
    if kind.is_empty() || kind.len() > MAX_TYPE_BYTES || kind.chars().any(char::is_control) {
        let detail = format!("`type` has 1 to {MAX_TYPE_BYTES} bytes and no control characters");
        return Err(Problem::new(ProblemCode::InvalidType, detail));
    }
    let timestamp = match &body.timestamp {
        None => now,
        Some(text) => Timestamp::parse_rfc3339(text).ok_or_else(|| {
            let detail = "`timestamp` is RFC 3339, such as 2026-01-31T12:00:00.000Z";
            Problem::new(ProblemCode::InvalidTimestamp, detail)
        })?,
    };
    let payload = body.payload.get().as_bytes();
    // The frame around the payload is a level of its own.
    let depth = limits.depth.saturating_sub(1);
    check_json(payload, &Limits { message_bytes: usize::MAX, depth, ..*limits })
        .map_err(|why| Problem::new(ProblemCode::BadPayload, why.to_string()))?;
    let longest = topics.iter().map(|topic| topic.as_str().len()).max().unwrap_or_default();
    // Texts may double when they are escaped.
    if payload.len() + 2 * (longest + kind.len()) + ENVELOPE_BYTES > limits.message_bytes {
        let detail = format!("an event may have {} bytes with its envelope", limits.message_bytes);
        return Err(Problem::too_large(detail));
    }
    if body.ephemeral {
        let signals = topics.into_iter().map(|topic| {
            let text = encode_signal(&kind, timestamp, &topic, payload);
            Shared::Signal { topic, text }
        });
        return Ok(Parsed::Signals(signals.collect()));
    }
    if let Some(topic) = topics.iter().find(|topic| topic.is_on_demand()) {
        let detail = format!("{topic} carries signals only: publish with \"ephemeral\":true");
        return Err(Problem::new(ProblemCode::OnDemandTopic, detail));
    }
    let (kind, payload): (Arc<str>, Bytes) = ((&*kind).into(), Bytes::copy_from_slice(payload));
    let event = |topic| NewEvent { topic, kind: Arc::clone(&kind), payload: payload.clone(), timestamp };
    Ok(Parsed::Events(topics.into_iter().map(event).collect()))
}

fn topics_of(body: &EventBody<'_>) -> Result<Vec<Topic>, Problem> {
    let texts: &[Cow<'_, str>] = match (&body.topic, &body.topics) {
        (Some(topic), None) => std::slice::from_ref(topic),
        (None, Some(topics)) if !topics.is_empty() => topics,
        (Some(_), Some(_)) | (None, Some(_) | None) => {
            return Err(Problem::new(ProblemCode::NoTopic, "send either `topic` or a list `topics`"));
        }
    };
    if texts.len() > MAX_ENTRIES {
        return Err(Problem::too_large(format!("one event goes to at most {MAX_ENTRIES} topics")));
    }
    texts.iter().map(|text| Topic::new(text).map_err(|why| Problem::invalid_topic(text, why))).collect()
}

fn entries_of(parsed: &Parsed) -> Vec<Entry> {
    match parsed {
        Parsed::Events(events) => events.iter().cloned().map(Entry::Event).collect(),
        Parsed::Signals(_) => Vec::new(),
    }
}

/// One answer per element; sends the signals on their way.
fn answers(node: &Node, parsed: Vec<Parsed>, published: &Published) -> Vec<Answer> {
    let mut seqs = published.seqs.iter().copied();
    let answer = |element| match element {
        Parsed::Events(events) => Answer::new(published.epoch, seqs.by_ref().take(events.len()).collect()),
        Parsed::Signals(signals) => {
            node.metrics.count(Tally::SignalsPublished, signals.len() as u64);
            signals.iter().for_each(|signal| node.share(signal));
            Answer::new(published.epoch, Vec::new())
        }
    };
    parsed.into_iter().map(answer).collect()
}
