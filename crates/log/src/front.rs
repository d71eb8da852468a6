//! When appends are committed: whatever waits goes into one commit, and the next collects while it is under way.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bowline_proto::{Account, Page, Query, Record, Seq, Timestamp, Topic};
use tracing::{error, info, warn};

use crate::queue::{AppendError, Job, LogConfig, Phase, Placed, Queue, Turn};
use crate::store::{Batch, LogStore, Status, StoreError};

/// The log as a gateway uses it: appends from any thread, one writer. Cheap to clone; the last clone that is dropped
/// closes it.
#[derive(Clone)]
pub struct Log(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Queue,
    /// Replaced when a failed store has been reopened.
    store: RwLock<Arc<dyn LogStore>>,
}

impl Shared {
    fn store(&self) -> Arc<dyn LogStore> {
        Arc::clone(&self.store.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log {
    /// Starts the writer's thread. `on_commit` runs on it after each commit that brought records, before the appends
    /// are answered; it must not wait. `clock` tells the wall clock.
    ///
    /// When the store fails, everything that waits gets [`AppendError::Unavailable`] and the log stays unwritable:
    /// see [`Log::start_reopening`].
    pub fn start(
        store: Arc<dyn LogStore>,
        config: LogConfig,
        clock: fn() -> Timestamp,
        on_commit: impl FnMut(&Arc<[Record]>) + Send + 'static,
    ) -> Log {
        Self::run(store, config, clock, Box::new(on_commit), None)
    }

    /// Like [`Log::start`], and when the store fails it is closed and `reopen` called, which recovers it, until it
    /// succeeds ([`LogConfig::reopen_every`]). `on_reopen` is told where the log stands then: its epoch and head may
    /// differ.
    pub fn start_reopening(
        store: Arc<dyn LogStore>,
        config: LogConfig,
        clock: fn() -> Timestamp,
        on_commit: impl FnMut(&Arc<[Record]>) + Send + 'static,
        reopen: impl FnMut() -> Result<Arc<dyn LogStore>, StoreError> + Send + 'static,
        on_reopen: impl FnMut(Status) + Send + 'static,
    ) -> Log {
        let reopening = Reopening { reopen: Box::new(reopen), on_reopen: Box::new(on_reopen) };
        Self::run(store, config, clock, Box::new(on_commit), Some(reopening))
    }

    fn run(
        store: Arc<dyn LogStore>,
        config: LogConfig,
        clock: fn() -> Timestamp,
        on_commit: OnCommit,
        reopening: Option<Reopening>,
    ) -> Log {
        let shared = Arc::new(Shared { queue: Queue::new(config.clone()), store: RwLock::new(store) });
        let writer = Writer {
            shared: Arc::clone(&shared),
            config,
            clock,
            on_commit,
            reopening,
            next_retain: Instant::now(),
            failed: None,
        };
        let thread = thread::Builder::new().name("bowline-log".into()).spawn(move || writer.run());
        let thread = thread.expect("a process that cannot start one thread cannot serve");
        Log(Arc::new(Handle { shared, writer: Mutex::new(Some(thread)) }))
    }

    /// Appends `batch`. `done` is called once: on the writer's thread after the commit, or at once when the batch is
    /// refused. It must not wait.
    pub fn append(&self, batch: Batch, done: impl FnOnce(Result<Placed, AppendError>) + Send + 'static) {
        if let Err((done, error)) = self.0.shared.queue.push(batch, Box::new(done)) {
            done(Err(error));
        }
    }

    /// What a reader missed.
    ///
    /// # Errors
    /// See [`LogStore::read`].
    pub fn read(&self, query: &Query) -> Result<Page, StoreError> {
        self.0.shared.store().read(query)
    }

    /// The account's topics, and the head that this is true at.
    #[must_use]
    pub fn grants(&self, account: &Account) -> (Vec<Topic>, Seq) {
        self.0.shared.store().grants(account)
    }

    /// Where the log stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.shared.store().status()
    }

    /// Would an append be tried? Not while the device is known to be full or failed, nor after closing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.0.shared.queue.is_writable()
    }

    /// Writes what waits, leaves the store in order, ends the writer's thread and waits for it. Reading goes on.
    pub fn close(&self) {
        self.0.shared.queue.enter(Phase::Closing);
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer.filter(|writer| writer.thread().id() != thread::current().id())
            && writer.join().is_err()
        {
            error!("the log's writer had panicked");
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("queue", &self.0.shared.queue).finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.enter(Phase::Closing);
    }
}

type OnCommit = Box<dyn FnMut(&Arc<[Record]>) + Send>;

/// How a failed store comes back.
struct Reopening {
    reopen: Box<dyn FnMut() -> Result<Arc<dyn LogStore>, StoreError> + Send>,
    on_reopen: Box<dyn FnMut(Status) + Send>,
}

struct Writer {
    shared: Arc<Shared>,
    config: LogConfig,
    clock: fn() -> Timestamp,
    on_commit: OnCommit,
    reopening: Option<Reopening>,
    next_retain: Instant,
    /// The store failed; when to try to reopen it next.
    failed: Option<Instant>,
}

/// However the writer ends, nobody waits for it any more.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue.enter(Phase::Closed);
    }
}

impl Writer {
    fn run(mut self) {
        let ending = Ending(Arc::clone(&self.shared));
        loop {
            let deadline = self.failed.unwrap_or(self.next_retain);
            match self.shared.queue.next(deadline) {
                Turn::Append(jobs) => self.append(jobs),
                Turn::Due => {}
                Turn::Close => break,
            }
            match self.failed {
                Some(at) if at <= Instant::now() => self.reopen(),
                Some(_) => {}
                None if self.next_retain <= Instant::now() => self.retain(),
                None => {}
            }
        }
        if let Err(error) = self.shared.store().close() {
            error!(%error, "the log could not be closed in order");
        }
        drop(ending);
    }

    fn append(&mut self, jobs: Vec<Job>) {
        let (batches, waiters): (Vec<Batch>, Vec<_>) =
            jobs.into_iter().map(|job| (job.batch, job.done)).unzip();
        if self.failed.is_some() {
            // They slipped in while the store was failing.
            waiters.into_iter().for_each(|done| done(Err(AppendError::Unavailable)));
            return;
        }
        let store = self.shared.store();
        let committed = store
            .append(&batches, (self.clock)())
            .and_then(|outcomes| Ok((outcomes, store.commit()?, store.status().epoch)));
        match committed {
            Ok((outcomes, records, epoch)) => {
                self.shared.queue.appended();
                if !records.is_empty() {
                    (self.on_commit)(&records);
                }
                for (done, outcome) in waiters.into_iter().zip(outcomes) {
                    done(Ok(Placed { epoch, outcome }));
                }
            }
            Err(StoreError::Full) => {
                warn!("no room for the log: an append is refused");
                self.shared.queue.was_full();
                waiters.into_iter().for_each(|done| done(Err(AppendError::Full)));
            }
            Err(error) => {
                self.fail(&error);
                waiters.into_iter().for_each(|done| done(Err(AppendError::Unavailable)));
            }
        }
    }

    fn retain(&mut self) {
        self.next_retain = Instant::now() + self.config.retain_every;
        if let Err(error) = self.shared.store().retain((self.clock)()) {
            self.fail(&error);
        }
    }

    fn fail(&mut self, cause: &StoreError) {
        error!(error = %cause, can_reopen = self.reopening.is_some(), "the log takes no appends");
        self.failed = Some(Instant::now());
        self.shared.queue.enter(Phase::Failed);
    }

    fn reopen(&mut self) {
        self.failed = Some(Instant::now() + self.config.reopen_every);
        let Some(reopening) = &mut self.reopening else { return };
        // Lets go of the lock; a failed store has nothing to put in order.
        if let Err(error) = self.shared.store().close() {
            warn!(%error, "the failed log could not be closed");
        }
        match (reopening.reopen)() {
            Ok(store) => {
                let status = store.status();
                info!(epoch = %status.epoch, head = %status.head, "the log is reopened");
                *self.shared.store.write().unwrap_or_else(PoisonError::into_inner) = store;
                self.failed = None;
                (reopening.on_reopen)(status);
                self.shared.queue.enter(Phase::Open);
            }
            Err(error) => warn!(%error, "the log cannot be reopened yet"),
        }
    }
}
