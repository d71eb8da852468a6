//! How much of a request's body is taken, and for how long.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::problem::Problem;
use crate::problem_code::ProblemCode;

/// The longest body: an array of events. One event is bounded by the message limit.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// A body that is too long is still read this far, so that the answer is not lost in a reset of the connection.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;
/// A body takes at most this long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(DEADLINE, read_all(body, limit)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            ProblemCode::BodyTimeout,
            format!("the body did not arrive within {} s", DEADLINE.as_secs()),
        )),
    }
}

async fn read_all(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut taken = BytesMut::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(ProblemCode::BadBody, "the body ended too early"))?;
        let Some(data) = frame.data_ref() else { continue };
        seen += data.len();
        if seen > limit.max(MAX_DISCARDED) {
            break;
        }
        if seen <= limit {
            taken.extend_from_slice(data);
        }
    }
    if seen > limit {
        return Err(Problem::too_large(format!("the body may have {limit} bytes; split it")));
    }
    Ok(taken.freeze())
}
