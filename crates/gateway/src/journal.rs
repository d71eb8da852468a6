//! The log as the gateway uses it: opened from the configuration, recovered when its device fails, awaited.

use std::sync::Arc;

use bowline_log::{
    AppendError, Batch, BootId, Log, LogConfig, LogStore, MemoryStore, Opening, Placed, RealDisk, Recovery,
    SegmentConfig, SegmentStore, Status, StoreError,
};
use bowline_proto::{Account, Epoch, Page, Query, Record, Seq, Topic};
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use crate::clock;
use crate::config::{Config, Durability};
use crate::ids;

/// The log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Journal(Log);

impl Journal {
    /// Opens the configured log, or takes `store`. `on_commit` runs on the log's thread, before the append is answered;
    /// `on_reopen` when a log whose device failed was recovered.
    pub(crate) fn open(
        config: &Config,
        store: Option<Arc<dyn LogStore>>,
        on_commit: impl FnMut(&Arc<[Record]>) + Send + 'static,
        on_reopen: impl FnMut(Status) + Send + 'static,
    ) -> Result<Journal, StoreError> {
        let settings = LogConfig::default();
        let log = match store {
            Some(store) => Log::start(store, settings, clock::wall, on_commit),
            None if config.durability == Durability::Memory => {
                let store = MemoryStore::new(fresh_epoch(), segment_config(config));
                Log::start(Arc::new(store), settings, clock::wall, on_commit)
            }
            None => {
                let config = config.clone();
                let reopen = move || open_segments(&config);
                let store = reopen()?;
                Log::start_reopening(store, settings, clock::wall, on_commit, reopen, on_reopen)
            }
        };
        Ok(Journal(log))
    }

    /// Appends all of it or nothing; returns when it is durable.
    pub(crate) async fn append(&self, batch: Batch) -> Result<Placed, AppendError> {
        let (done, outcome) = oneshot::channel();
        self.0.append(batch, |placed| {
            // Whoever asked may have left; the log keeps what it has.
            let _left = done.send(placed);
        });
        outcome.await.unwrap_or(Err(AppendError::Closed))
    }

    /// What a reader missed; `None` when the log can't be read. May wait for the disk: not for a shard's own thread.
    pub(crate) fn read(&self, query: &Query) -> Option<Page> {
        self.0.read(query).inspect_err(|error| warn!(%error, "a read of the log failed")).ok()
    }

    /// The account's topics, and the head that this is true at. From memory.
    pub(crate) fn grants(&self, account: &Account) -> (Vec<Topic>, Seq) {
        self.0.grants(account)
    }

    /// Where the log stands.
    pub(crate) fn status(&self) -> Status {
        self.0.status()
    }

    /// Whether an append would be tried.
    pub(crate) fn is_writable(&self) -> bool {
        self.0.is_writable()
    }

    /// Writes what waits and leaves the files in order.
    pub(crate) async fn close(&self) {
        let log = self.0.clone();
        if tokio::task::spawn_blocking(move || log.close()).await.is_err() {
            warn!("the log could not be closed in order; it will be recovered");
        }
    }
}

fn open_segments(config: &Config) -> Result<Arc<dyn LogStore>, StoreError> {
    let disk = RealDisk::open(&config.data_dir)?;
    let opening = Opening { boot: BootId::of_this_machine(), fresh_epoch: fresh_epoch(), now: clock::wall() };
    let (store, recovery) = SegmentStore::open(Arc::new(disk), segment_config(config), opening)?;
    tell(&recovery);
    Ok(Arc::new(store))
}

fn segment_config(config: &Config) -> SegmentConfig {
    let durability = match config.durability {
        Durability::Fsync => bowline_log::Durability::Fsync,
        Durability::Os | Durability::Memory => bowline_log::Durability::Os,
    };
    SegmentConfig::default()
        .durability(durability)
        .retain_age(config.retention.age)
        .retain_bytes(config.retention.bytes)
}

fn tell(recovery: &Recovery) {
    if let Some(change) = recovery.epoch_change {
        warn!(?change, "the log has a new epoch: readers are told what they may have lost");
    }
    if !recovery.damaged.is_empty() || !recovery.missing_segments.is_empty() {
        let (kept, missing) = (&recovery.damaged, &recovery.missing_segments);
        warn!(?kept, ?missing, "parts of the log are damaged: readers get gaps there");
    }
    if recovery.was_clean {
        debug!("the log had been closed in order");
    } else {
        info!(dropped_bytes = recovery.dropped_bytes, "the log was recovered");
    }
}

fn fresh_epoch() -> Epoch {
    Epoch::from_bits(u64::from_le_bytes(ids::random_bytes()))
}
