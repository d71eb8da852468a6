//! How long a gateway takes to be ready after `kill -9` when its log is large.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_log::{
    Batch, BootId, Durability, Entry, LogStore, NewEvent, Opening, RealDisk, SegmentConfig, SegmentStore,
};
use bowline_proto::{Epoch, Timestamp, Topic};

use crate::account;
use crate::book::Book;
use crate::diary::now_micros;
use crate::gateway::{Gateway, TortureError, error};
use crate::publisher::Publishers;

/// What came out.
#[derive(Clone, Debug)]
pub struct LargeLog {
    /// Bytes of the log when it was killed first.
    pub bytes: u64,
    /// Events in it.
    pub events: u64,
    /// From each start after a `kill -9` to readiness, the binary's own start included.
    pub ready: Vec<Duration>,
}

/// Fills a log to `bytes` with events of about 400 bytes in a thousand topics, then kills its gateway `kills` times under
/// 500 events a second.
///
/// # Errors
/// When the run itself could not be carried out.
pub async fn large_log(binary: &Path, bytes: u64, kills: u32) -> Result<LargeLog, TortureError> {
    let dir = tempfile::tempdir().map_err(error)?;
    let data_dir = dir.path().join("data");
    let events = fill(&data_dir, bytes)?;
    let mut gateway = Gateway::start(binary, &data_dir, None)?;
    let size = size_of(&data_dir)?;
    let topics = account::topics(20)?;
    let mut ready = Vec::new();
    for _ in 0..kills {
        let publishers = Publishers::start(&gateway, &topics, 500, &Book::default(), None)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        gateway.kill()?;
        ready.push(gateway.restart()?);
        let (marks, _) = tokio::task::spawn_blocking(move || publishers.finish()).await.map_err(error)?;
        if marks.last() == 0 {
            return Err(error("no publish was answered before the kill or after it"));
        }
    }
    Ok(LargeLog { bytes: size, events, ready })
}

fn fill(dir: &Path, bytes: u64) -> Result<u64, TortureError> {
    let disk = RealDisk::open(dir).map_err(error)?;
    let now = || Timestamp(now_micros() / 1_000);
    let opening =
        Opening { boot: BootId::of_this_machine(), fresh_epoch: Epoch::from_bits(now_micros()), now: now() };
    let config = SegmentConfig::default().durability(Durability::Os);
    let (store, _) = SegmentStore::open(Arc::new(disk), config, opening).map_err(error)?;
    let topics: Vec<Topic> =
        (0..1_000).map(|i| Topic::new(&format!("conv:c{i}")).map_err(error)).collect::<Result<_, _>>()?;
    let fill = "x".repeat(270);
    let mut events = 0_u64;
    let start = Instant::now();
    while store.status().bytes < bytes {
        let entries = (0..1_000)
            .map(|_| {
                events += 1;
                Entry::Event(NewEvent {
                    topic: topics[(events * 7 % 1_000) as usize].clone(),
                    kind: "message.new".into(),
                    payload: format!(r#"{{"n":{events},"fill":"{fill}"}}"#).into(),
                    timestamp: now(),
                })
            })
            .collect();
        store.append(&[Batch { entries, key: None }], now()).map_err(error)?;
        store.commit().map_err(error)?;
        if start.elapsed() > FILLED_WITHIN {
            return Err(error(format!("the log was not filled within {FILLED_WITHIN:?}")));
        }
    }
    store.close().map_err(error)?;
    Ok(events)
}

/// A device that takes less than 4 MiB a second proves nothing about recovery.
const FILLED_WITHIN: Duration = Duration::from_secs(300);

fn size_of(dir: &Path) -> Result<u64, TortureError> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).map_err(error)? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(error)?.len();
    }
    Ok(bytes)
}
