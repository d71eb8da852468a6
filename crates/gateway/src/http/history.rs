//! `GET /v1/topics/{topic}/events`: what a client needs after a gap.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query as UrlQuery, State};
use bowline_proto::{Epoch, Gap, GapReason, GrantScope, Page, Query, Record, Seq, Topic};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::Claims;
use crate::http::bearer::Bearer;
use crate::http::url_path::UrlPath;
use crate::node::Node;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;

/// Events in an answer when the request does not say.
const DEFAULT_LIMIT: usize = 100;
/// The most events in an answer.
const MAX_LIMIT: usize = 1000;
/// An answer ends after the event that reaches this.
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
pub(crate) struct Range {
    after: Option<u64>,
    before: Option<u64>,
    limit: Option<usize>,
    epoch: Option<String>,
}

/// The answer. `next` is the `after` of the request that goes on; absent at the end.
#[derive(Serialize)]
pub(crate) struct History {
    epoch: String,
    head: u64,
    oldest: u64,
    events: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<Lost>,
}

#[derive(Serialize)]
struct Lost {
    after: u64,
    before: u64,
    reason: &'static str,
}

pub(crate) async fn read(
    State(node): State<Arc<Node>>,
    Bearer(claims): Bearer,
    UrlPath(topic): UrlPath<String>,
    range: Result<UrlQuery<Range>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<History>, Problem> {
    let UrlQuery(range) = range.map_err(|why| Problem::new(ProblemCode::BadQuery, why.body_text()))?;
    let topic = Topic::new(&topic).map_err(|why| Problem::invalid_topic(&topic, why))?;
    if topic.is_on_demand() {
        return Err(Problem::new(
            ProblemCode::OnDemandTopic,
            "on-demand topics carry signals, which are not kept",
        ));
    }
    let status = node.journal.status();
    let query = query(&node, &claims, &topic, &range, status.epoch)?;
    let before = position(range.before, "before")?;
    let journal = node.journal.clone();
    let read = tokio::task::spawn_blocking(move || journal.read(&query)).await;
    let page = read.ok().flatten().ok_or_else(|| {
        let detail = "the log can't be read just now";
        Problem::new(ProblemCode::LogUnavailable, detail).retry_after(1)
    })?;
    let next = next_of(&page, before, status.head);
    let events = page
        .records
        .iter()
        .filter(|record| before.is_none_or(|before| record.seq() < before))
        .filter_map(event_text)
        .collect();
    Ok(Json(History {
        epoch: status.epoch.to_string(),
        head: status.head.get(),
        oldest: status.oldest.get(),
        events,
        next,
        gaps: page.gaps.iter().filter(|gap| gap.topic == topic).map(lost).collect(),
    }))
}

/// What the caller may see of the topic: all of it where it is its own, claimed or the caller is an admin; else the
/// events at whose positions it had the grant.
fn query(node: &Node, claims: &Claims, topic: &Topic, range: &Range, epoch: Epoch) -> Result<Query, Problem> {
    let is_open = claims.scopes.admin
        || claims.opens(topic)
        || *topic == Topic::inbox(&claims.account)
        || is_own(claims, topic);
    if !is_open && !node.journal.grants(&claims.account).0.contains(topic) {
        return Err(Problem::forbidden());
    }
    let only: Arc<[Topic]> = [topic.clone()].into();
    let (open, granted) = if is_open { (only, Arc::default()) } else { (Arc::default(), only) };
    let asked_epoch = match &range.epoch {
        Some(text) => text.parse().map_err(|why: bowline_proto::InvalidEpoch| {
            Problem::new(ProblemCode::BadQuery, why.to_string())
        })?,
        None => epoch,
    };
    Ok(Query {
        account: claims.account.clone(),
        granted: GrantScope::Only(granted),
        open,
        epoch: asked_epoch,
        after: position(range.after, "after")?.unwrap_or(Seq::ZERO),
        max_records: range.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
        max_bytes: MAX_BYTES,
    })
}

/// `notifications:{account}` is opened by its path for everybody's own account.
fn is_own(claims: &Claims, topic: &Topic) -> bool {
    topic.as_str().strip_prefix("notifications:") == Some(claims.account.as_str())
}

fn position(value: Option<u64>, name: &str) -> Result<Option<Seq>, Problem> {
    let too_large = || Problem::new(ProblemCode::BadQuery, format!("`{name}` is a position below 2^53"));
    value.map(|value| Seq::new(value).ok_or_else(too_large)).transpose()
}

fn next_of(page: &Page, before: Option<Seq>, head: Seq) -> Option<u64> {
    let end = before.map_or(head, |before| head.min(before.previous()));
    (page.upto < end).then(|| page.upto.get())
}

fn event_text(record: &Record) -> Option<Box<RawValue>> {
    let Record::Event(event) = record else { return None };
    let text = String::from_utf8(event.text.to_vec()).ok()?;
    RawValue::from_string(text).ok()
}

fn lost(gap: &Gap) -> Lost {
    let reason = match gap.reason {
        GapReason::Retention => "retention",
        GapReason::Epoch => "epoch",
        GapReason::Storage => "storage",
        GapReason::Missing => "missing",
    };
    Lost { after: gap.after.get(), before: gap.before.get(), reason }
}
