//! How something gets into the log, and what can go wrong with it.

use std::time::Instant;

use bowline_log::{AppendError, Appended, Batch, Entry, IdempotencyKey, Placed};
use bowline_proto::{Epoch, Seq};

use crate::metrics::Tally;
use crate::node::Node;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;

/// What was appended, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The log.
    pub epoch: Epoch,
    /// One position per entry, in their order.
    pub seqs: Vec<Seq>,
}

/// Why nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The disk is full. Reading goes on; a later publish may succeed.
    #[error("the disk of the log is full: make room or lower `retention.bytes`, then publish again")]
    Full,
    /// More waits for the log than it may.
    #[error("too much waits for the log; publish again in a moment")]
    Busy,
    /// The log failed or is closing.
    #[error("the log takes nothing just now; publish again with the same idempotency key")]
    Unavailable,
    /// The key has been used with another body.
    #[error("this idempotency key has been used with another body; use a new key for a new event")]
    KeyReused,
}

/// Appends `entries`, all or nothing; returns when they are durable.
pub(crate) async fn append(
    node: &Node,
    entries: Vec<Entry>,
    key: Option<IdempotencyKey>,
) -> Result<Published, PublishError> {
    let count = entries.len() as u64;
    let started = Instant::now();
    let Placed { epoch, outcome } = node.journal.append(Batch { entries, key }).await.map_err(|error| {
        node.metrics.count(Tally::PublishFailed, 1);
        refusal(error)
    })?;
    match outcome {
        Appended::New { seqs } => {
            node.metrics.appended(started.elapsed());
            node.metrics.count(Tally::Published, count);
            Ok(Published { epoch, seqs })
        }
        Appended::Repeated { seqs } => Ok(Published { epoch, seqs }),
        Appended::KeyReused => Err(PublishError::KeyReused),
    }
}

fn refusal(error: AppendError) -> PublishError {
    match error {
        AppendError::Full => PublishError::Full,
        AppendError::Busy => PublishError::Busy,
        // `AppendError` may grow: whatever else is wrong with the log, it takes nothing.
        _ => PublishError::Unavailable,
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Problem {
        let code = match error {
            PublishError::Full => ProblemCode::LogFull,
            PublishError::Busy => ProblemCode::LogBusy,
            PublishError::Unavailable => ProblemCode::LogUnavailable,
            PublishError::KeyReused => ProblemCode::IdempotencyKeyReused,
        };
        let problem = Problem::new(code, error.to_string());
        match error {
            PublishError::Busy | PublishError::Unavailable => problem.retry_after(1),
            PublishError::Full | PublishError::KeyReused => problem,
        }
    }
}
