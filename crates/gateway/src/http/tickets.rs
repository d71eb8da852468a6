//! `POST /v1/tickets`: an access token becomes a ticket that opens one socket on one path.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bowline_proto::typed::Object;
use serde::{Deserialize, Serialize};

use crate::admission;
use crate::clock;
use crate::http::bearer::Bearer;
use crate::http::body;
use crate::node::Node;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;

/// A path is short.
const MAX_BODY: usize = 8 * 1024;

#[derive(Deserialize)]
struct TicketRequest {
    path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TicketAnswer<'a> {
    ticket: &'a str,
    expires_at: String,
    /// Seconds.
    expires_in: u64,
}

pub(crate) async fn issue(
    State(node): State<Arc<Node>>,
    Bearer(claims): Bearer,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read(body, MAX_BODY).await?;
    let Object(TicketRequest { path }) = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(ProblemCode::BadJson, format!("send {{\"path\":\"/…\"}}: {error}")))?;
    let plain = path.split(['?', '#']).next().unwrap_or_default();
    let target = node.paths.resolve(plain, &claims.account).ok_or_else(|| Problem::no_such_path(plain))?;
    admission::rights(&node, &claims, &target).ok_or_else(Problem::forbidden)?;
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let now = clock::wall();
    let issued = node.tickets.issue(&claims, plain, origin, now).map_err(|refused| {
        Problem::new(ProblemCode::TooManyTickets, format!("{refused}; use them first")).retry_after(1)
    })?;
    let answer = TicketAnswer {
        ticket: issued.ticket.reveal(),
        expires_at: issued.expires.to_string(),
        expires_in: issued.expires.0.saturating_sub(now.0).div_ceil(1000),
    };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
