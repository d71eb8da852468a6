//! How long a log of 1 GiB takes to be ready again after its process was killed:
//! `cargo run --release -p bowline-log --example reopen -- DIR [TOPICS]` (1,000 topics when nothing else is said).
//!
//! The program fills the log in a child of itself, which ends by aborting: no destructor runs, nothing is closed. The page
//! cache stays warm, as it does for a process that is restarted.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use bowline_log::{
    Batch, BootId, Durability, Entry, LogStore, NewEvent, Opening, RealDisk, SegmentConfig, SegmentStore,
};
use bowline_proto::{Epoch, Timestamp, Topic};
use bytes::Bytes;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: reopen DIR [TOPICS] (a directory that is made and removed)";
    let dir = arguments.next().ok_or(usage)?;
    let topics: usize = arguments.next().map_or(Ok(1000), |topics| topics.parse())?;
    if arguments.next().is_some() {
        fill(&dir, topics)?;
        std::process::abort();
    }
    let _ = std::fs::remove_dir_all(&dir);
    let status = Command::new(std::env::current_exe()?).args([&dir, &topics.to_string(), "fill"]).status()?;
    assert!(!status.success(), "the child ends by aborting");
    let start = Instant::now();
    let (store, recovery) = open(&dir, 2)?;
    let took = start.elapsed();
    let status = store.status();
    println!(
        "{:.2} GiB, {} events, {topics} topics, 1,000 grants, 20,000 keys: ready after {:.0} ms; epoch changed: {}",
        status.bytes as f64 / f64::from(1 << 30),
        status.head,
        took.as_secs_f64() * 1e3,
        recovery.epoch_change.is_some()
    );
    for row in std::fs::read_to_string("/proc/self/status").unwrap_or_default().lines() {
        if row.starts_with("VmHWM") || row.starts_with("VmRSS") {
            println!("{row}");
        }
    }
    drop(store);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn open(dir: &str, epoch: u64) -> Outcome<(SegmentStore, bowline_log::Recovery)> {
    let opening =
        Opening { boot: BootId::of_this_machine(), fresh_epoch: Epoch::from_bits(epoch), now: Timestamp(0) };
    let config = SegmentConfig::default().durability(Durability::Os);
    Ok(SegmentStore::open(Arc::new(RealDisk::open(dir)?), config, opening)?)
}

fn fill(dir: &str, topics: usize) -> Outcome<()> {
    let (store, _) = open(dir, 1)?;
    let account = bowline_proto::Account::new("reader")?;
    let topics: Vec<Topic> =
        (0..topics).map(|n| Topic::new(&format!("conv:topic-{n}"))).collect::<Result<_, _>>()?;
    let grants =
        topics.iter().take(1000).map(|topic| Entry::Grant { account: account.clone(), topic: topic.clone() });
    store.append(&[Batch { entries: grants.collect(), key: None }], Timestamp(0))?;
    let kind: Arc<str> = "message.new".into();
    let payload = Bytes::from(format!("\"{}\"", "x".repeat(298)));
    for group in 0.. {
        if store.status().bytes > 1 << 30 {
            break;
        }
        let entries = (0..256).map(|n| {
            let topic = topics[(group * 256 + n) % topics.len()].clone();
            let (kind, payload) = (Arc::clone(&kind), payload.clone());
            Entry::Event(NewEvent { topic, kind, payload, timestamp: Timestamp(0) })
        });
        let key = bowline_log::IdempotencyKey {
            account: account.clone(),
            key: format!("key-{group}"),
            body: [7; 32],
        };
        let key = (group < 20_000).then_some(key);
        store.append(&[Batch { entries: entries.collect(), key }], Timestamp(0))?;
        store.commit()?;
    }
    Ok(())
}
