//! What waits for the log's writer: how much may wait, and what a refused caller is told.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bowline_proto::Epoch;

use crate::store::{Appended, Batch, Entry};

/// Settings of a [`Log`](crate::Log).
#[derive(Clone, Debug)]
pub struct LogConfig {
    pub(crate) queue_batches: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) group_bytes: usize,
    pub(crate) retain_every: Duration,
    pub(crate) reopen_every: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            queue_batches: 16_384,
            queue_bytes: 64 << 20,
            group_bytes: 8 << 20,
            retain_every: Duration::from_secs(30),
            reopen_every: Duration::from_secs(1),
        }
    }
}

impl LogConfig {
    /// At most this many batches wait; above it callers get [`AppendError::Busy`]. Default 16,384.
    #[must_use]
    pub fn queue_batches(mut self, batches: usize) -> Self {
        self.queue_batches = batches.max(1);
        self
    }

    /// At most this many bytes of payload wait; above it callers get [`AppendError::Busy`]. Default 64 MiB. One batch
    /// always fits into an empty queue.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Once this many bytes of payload are together, a commit takes no further batch. Default 8 MiB. More makes fewer
    /// and longer commits under load.
    #[must_use]
    pub fn group_bytes(mut self, bytes: usize) -> Self {
        self.group_bytes = bytes.max(1);
        self
    }

    /// How often retention is applied. Default 30 s.
    #[must_use]
    pub fn retain_every(mut self, every: Duration) -> Self {
        self.retain_every = every;
        self
    }

    /// How long after a failed attempt to reopen a failed store the next one comes. Default 1 s.
    #[must_use]
    pub fn reopen_every(mut self, every: Duration) -> Self {
        self.reopen_every = every;
        self
    }
}

/// Where an append went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The log's identity at that moment.
    pub epoch: Epoch,
    /// What became of the batch.
    pub outcome: Appended,
}

/// Why nothing was appended. After `Unavailable` a batch may still turn out to be in the log, when the device failed
/// after it was written: repeat it under its idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Too much waits already. Trying again later helps.
    #[error("too many events wait for the log")]
    Busy,
    /// No room on the device, or no descriptor left for a further file. Trying again later may help.
    #[error("no room for the log")]
    Full,
    /// The device failed, and the log has not been reopened yet.
    #[error("the log's device failed")]
    Unavailable,
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

/// Called once, on the writer's thread.
pub(crate) type Done = Box<dyn FnOnce(Result<Placed, AppendError>) + Send>;

/// A batch that waits.
pub(crate) struct Job {
    pub(crate) batch: Batch,
    pub(crate) done: Done,
    bytes: usize,
}

/// What the callers and the writer share.
#[derive(Debug)]
pub(crate) struct Queue {
    config: LogConfig,
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    phase: Phase,
    /// When the device last had no room, while no append has succeeded since.
    full_since: Option<Instant>,
}

/// What the queue does with a new batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Takes it.
    Open,
    /// Refuses it until the store is reopened.
    Failed,
    /// Refuses it; what waits is still written.
    Closing,
    /// Refuses it.
    Closed,
}

/// What the writer has to do next.
pub(crate) enum Turn {
    /// Append these together.
    Append(Vec<Job>),
    /// Nothing came before the deadline.
    Due,
    /// Close: nothing waits any more.
    Close,
}

/// How long a full device is reported as such without another attempt.
const FULL_FOR: Duration = Duration::from_secs(5);

impl Queue {
    pub(crate) fn new(config: LogConfig) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), bytes: 0, phase: Phase::Open, full_since: None };
        Queue { config, waiting: Mutex::new(waiting), wake: Condvar::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, batch: Batch, done: Done) -> Result<(), (Done, AppendError)> {
        let bytes = payload_bytes(&batch);
        let mut waiting = self.waiting();
        match waiting.phase {
            Phase::Open => {}
            Phase::Failed => return Err((done, AppendError::Unavailable)),
            Phase::Closing | Phase::Closed => return Err((done, AppendError::Closed)),
        }
        let is_above = waiting.bytes + bytes > self.config.queue_bytes;
        if waiting.jobs.len() >= self.config.queue_batches || (is_above && !waiting.jobs.is_empty()) {
            return Err((done, AppendError::Busy));
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back(Job { batch, done, bytes });
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for something to do, at most until `deadline`.
    pub(crate) fn next(&self, deadline: Instant) -> Turn {
        let mut waiting = self.waiting();
        loop {
            if !waiting.jobs.is_empty() {
                return Turn::Append(self.take_group(&mut waiting));
            }
            if waiting.phase == Phase::Closing {
                return Turn::Close;
            }
            let now = Instant::now();
            if now >= deadline {
                return Turn::Due;
            }
            let woken = self.wake.wait_timeout(waiting, deadline - now);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take_group(&self, waiting: &mut Waiting) -> Vec<Job> {
        let mut bytes = 0;
        let mut group = Vec::new();
        while bytes < self.config.group_bytes
            && let Some(job) = waiting.jobs.pop_front()
        {
            bytes += job.bytes;
            group.push(job);
        }
        waiting.bytes -= bytes;
        group
    }

    /// Moves on, but never back from closing, and answers what can't be done any more.
    pub(crate) fn enter(&self, phase: Phase) {
        let mut waiting = self.waiting();
        let is_final = matches!(waiting.phase, Phase::Closing | Phase::Closed);
        if !is_final || phase == Phase::Closed {
            waiting.phase = phase;
        }
        let (refused, error) = match phase {
            Phase::Open | Phase::Closing => (VecDeque::new(), AppendError::Closed),
            Phase::Failed => (core::mem::take(&mut waiting.jobs), AppendError::Unavailable),
            Phase::Closed => (core::mem::take(&mut waiting.jobs), AppendError::Closed),
        };
        waiting.bytes -= refused.iter().map(|job| job.bytes).sum::<usize>();
        drop(waiting);
        self.wake.notify_one();
        for job in refused {
            (job.done)(Err(error));
        }
    }

    pub(crate) fn appended(&self) {
        self.waiting().full_since = None;
    }

    pub(crate) fn was_full(&self) {
        self.waiting().full_since = Some(Instant::now());
    }

    pub(crate) fn is_writable(&self) -> bool {
        let waiting = self.waiting();
        waiting.phase == Phase::Open && waiting.full_since.is_none_or(|since| since.elapsed() > FULL_FOR)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waiting { jobs, bytes, phase, full_since: _ } = self;
        f.debug_struct("Waiting")
            .field("jobs", &jobs.len())
            .field("bytes", bytes)
            .field("phase", phase)
            .finish_non_exhaustive()
    }
}

fn payload_bytes(batch: &Batch) -> usize {
    // What an entry costs besides its payload, roughly.
    const ENTRY_BYTES: usize = 128;
    let payloads = batch.entries.iter().map(|entry| match entry {
        Entry::Event(event) => event.payload.len(),
        Entry::Grant { .. } | Entry::Revoke { .. } => 0,
    });
    payloads.map(|bytes| bytes + ENTRY_BYTES).sum()
}
